"""Labels as they are meant: without invisible differences, and apart where a text has several."""

import ast
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kdops.data.raw import Example
from kdops.errors import UserError
from kdops.task import Task

Rows = Mapping[str, Sequence[Example]]

_LIST = re.compile(r"\[.*\]|\{.*\}", re.DOTALL)
_SEPARATORS = "|,;+/&"
_MARKS = "|;,"
_BLANKS = re.compile(r"\s+")


def tidy_labels(rows: Rows, places: Mapping[str, Path]) -> tuple[dict[str, list[Example]], tuple[str, ...]]:
    """Labels and tags in Unicode's normal form C, without blanks and invisible characters at their ends.

    Blanks inside are one plain blank, so that a no-break space makes no class of its own.

    Args:
        rows: by split.
        places: where the rows of each split come from, for messages.

    Returns:
        The rows, and sentences on how many labels were changed, if any were, and on those that differ by case only.

    Raises:
        UserError: naming two labels that still look alike.
    """
    counts = Counter(name for those in rows.values() for row in those for name in row.names)
    tidy = {name: _tidied(name) for name in counts}
    _refuse_lookalikes(rows, tidy, places)
    cased = _differ_by_case({*tidy.values()})
    changed = {name: new for name, new in tidy.items() if name != new}
    if not changed:
        return {split: list(those) for split, those in rows.items()}, cased
    renamed = {split: [_renamed(row, changed) for row in those] for split, those in rows.items()}
    total = sum(counts[name] for name in changed)
    shown = ", ".join(f"{name!a} to {new!r}" for name, new in sorted(changed.items())[:3])
    note = f"{total} labels tidied (blanks, invisible characters, accents in one character): {shown}"
    return renamed, (note, *cased)


def _differ_by_case(names: set[str]) -> tuple[str, ...]:
    """A sentence on names that may be one class, written in two ways; spans' types and tags may well differ so."""
    by_look: dict[str, list[str]] = {}
    for name in sorted(names):
        by_look.setdefault(name.casefold(), []).append(name)
    several = [" and ".join(map(repr, those)) for those in by_look.values() if len(those) > 1]
    return (f"classes that differ by upper and lower case only: {', '.join(several)}",) if several else ()


def split_labels(
    rows: Rows, task: Task | None, places: Mapping[str, Path]
) -> tuple[dict[str, list[Example]], tuple[str, ...]]:
    """Texts with lists of labels in all splits, if they have several in any.

    Several in one cell are names between marks such as | or commas, each of which is the label of another text, or a
    list as text. A name may hold such marks otherwise. With `task` as multi-label the first mark of `|;,` that any
    label has stands between labels.

    Args:
        rows: by split.
        task: what the labels are for; None: found.
        places: where the rows of each split come from, for messages.

    Returns:
        The rows, and a sentence on what was done, if anything was.

    Raises:
        UserError: for several labels where `task` says that there is one.
    """
    every = [row for those in rows.values() for row in those]
    if any(row.task.of_words or row.task is Task.ASPECTS for row in every):
        return {split: list(those) for split, those in rows.items()}, ()
    names = {name.strip() for row in every for name in row.names}
    mark = _mark(names, wanted=task is Task.MULTI_LABEL)
    lists = any(map(_LIST.fullmatch, names))
    if not (mark or lists or task is Task.MULTI_LABEL or any(row.task is Task.MULTI_LABEL for row in every)):
        return {split: list(those) for split, those in rows.items()}, ()
    if task is Task.TEXT:
        _refuse_several(rows, mark, places)
    split_rows = {split: [_split(row, mark, places[split]) for row in those] for split, those in rows.items()}
    if task is None and all(len(row.names) == 1 for those in split_rows.values() for row in those):
        return {split: [replace(row, gold=row.names[0]) for row in those] for split, those in split_rows.items()}, ()
    count = sum(len(row.names) != 1 for those in split_rows.values() for row in those)
    empty = sum(not row.names for those in split_rows.values() for row in those)
    between = f", which {mark!r} stands between" if mark else ""
    none = f", {empty} of them none" if empty else ""
    return split_rows, (f"texts have any number of labels{between}: {count} do not have just one{none}",)


def _mark(names: set[str], *, wanted: bool) -> str:
    """The separator between the labels of a text; empty if there is none."""
    if wanted:
        return next((mark for mark in _MARKS if any(mark in name for name in names)), "")
    return next((mark for mark in _SEPARATORS if any(_is_mixture(name, names, mark) for name in names)), "")


def _split(row: Example, mark: str, place: Path) -> Example:
    found: list[str] = []
    for name in row.names:
        found += _parts(name, mark)
    if not all(part.strip() for part in found):
        raise UserError(f"{place}:{row.line}: an empty label in {' '.join(row.names)!r}")
    return replace(row, gold=list(dict.fromkeys(part.strip() for part in found)))


def _parts(name: str, mark: str) -> list[str]:
    if _LIST.fullmatch(name.strip()):
        try:
            listed = ast.literal_eval(name.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return name.strip()[1:-1].split(mark or ",")
        return [str(one) for one in listed]
    return name.split(mark) if mark else [name]


def _refuse_several(rows: Rows, mark: str, places: Mapping[str, Path]) -> None:
    for split, those in rows.items():
        for row in those:
            if len(row.names) != 1 or len(_parts(row.names[0], mark)) != 1:
                raise UserError(
                    f"{places[split]}:{row.line}: label {' '.join(row.names)!r} reads as several labels, and "
                    f"task={Task.TEXT} is for one name per text; task={Task.MULTI_LABEL} is for several"
                )


def _is_mixture(name: str, names: set[str], mark: str) -> bool:
    return mark in name and {part.strip() for part in name.split(mark)} <= names


def _tidied(name: str) -> str:
    start, end = 0, len(name)
    while start < end and _is_unseen(name[start]):
        start += 1
    while end > start and _is_unseen(name[end - 1]):
        end -= 1
    return unicodedata.normalize("NFC", _BLANKS.sub(" ", name[start:end]))


def _is_unseen(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cf", "Cc")


def _renamed(row: Example, names: Mapping[str, str]) -> Example:
    if isinstance(row.gold, str):
        return replace(row, gold=names.get(row.gold, row.gold))
    return replace(row, gold=[names.get(tag, tag) for tag in row.gold]) if names.keys() & {*row.gold} else row


def _refuse_lookalikes(rows: Rows, tidy: Mapping[str, str], places: Mapping[str, Path]) -> None:
    by_look: dict[str, str] = {}
    for name in sorted({*tidy.values()}):
        other = by_look.setdefault(_look(name), name)
        if other != name:
            split, row = next(
                (split, row)
                for split, those in rows.items()
                for row in those
                if any(tidy[one] == name for one in row.names)
            )
            raise UserError(
                f"{places[split]}:{row.line}: labels {other!a} and {name!a} look alike, but are two classes; "
                "write them in one way"
            )


def _look(name: str) -> str:
    """The visible form of a name: compatible characters become the same, invisible ones vanish."""
    seen = "".join(one for one in unicodedata.normalize("NFKC", name) if unicodedata.category(one) != "Cf")
    return _BLANKS.sub(" ", seen)
