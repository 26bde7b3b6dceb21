"""Texts whose label is a string of tags, one per word: `Anna visited Rome` and `B-per O B-geo`."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kdops.data.inputs import joined, sides
from kdops.data.raw import Example
from kdops.errors import UserError
from kdops.task import Task

_TAG = re.compile(r"O|[BIESLUM]-.+")


def split_tag_strings(rows: Sequence[Example], path: Path, task: Task | None) -> tuple[list[Example], tuple[str, ...]]:
    """Texts and tags cut at blanks, if every label is a string of span tags; otherwise the rows as they are.

    Where `task` says that words are labeled, tags of any kind are cut.

    Args:
        rows: of one file.
        path: the file, for messages.
        task: what the labels are for, if that is known.

    Returns:
        The rows, and a sentence on what was done, if anything was.

    Raises:
        UserError: naming the row that has not one tag per word.
    """
    if task is None and _one_word_a_row(rows):
        raise UserError(
            f"{path}: each row is one word and its tag, and no column numbers the sentences; "
            "add one called sentence_id, or write one word per line with an empty line after each sentence"
        )
    tagged = task.of_words if task else _all_tags(rows)
    if not rows or not tagged or any(row.task.of_words or len(sides(row.input)) > 1 for row in rows):
        return list(rows), ()
    cut: list[Example] = []
    for row in rows:
        words, tags = joined(row.input).split(), str(row.gold).split()
        if len(words) != len(tags):
            raise UserError(
                f"{path}:{row.line}: label {row.gold!r:.60} reads as {len(tags)} tags, but its text has {len(words)} "
                f"words between blanks; {_hint(task)}"
            )
        cut.append(replace(row, input=words, gold=tags))
    return cut, (f"{len(cut)} rows hold one tag per word in one cell: texts and tags were cut at blanks",)


def _all_tags(rows: Sequence[Example]) -> bool:
    several = spans = False
    for row in rows:
        if not isinstance(row.gold, str):
            return False
        tags = row.gold.split()
        if not all(map(_TAG.fullmatch, tags)):
            return False
        several |= len(tags) > 1
        spans |= any(tag != "O" for tag in tags)
    return several and spans


def _one_word_a_row(rows: Sequence[Example]) -> bool:
    spans = False
    for row in rows:
        if isinstance(row.gold, list) or not _TAG.fullmatch(row.gold) or " " in row.gold or " " in joined(row.input):
            return False
        spans |= row.gold.startswith("B-")
    return spans and len(rows) > 1


def _hint(task: Task | None) -> str:
    return "write one tag per word" if task else f"if labels are names of classes, give task={Task.TEXT}"
