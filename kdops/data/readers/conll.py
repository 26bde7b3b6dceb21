"""Files with one word per line: CoNLL, CoNLL-U, IOB and similar formats."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kdops.data.inputs import words_tagged
from kdops.data.raw import AS_FOUND, DataOptions, Example, FileRows
from kdops.data.readers.examples import checked
from kdops.data.readers.lines import read_lines
from kdops.data.readers.separators import separator_of
from kdops.errors import UserError

_CONLLU_COLUMNS, _CONLLU_TAG = 10, 3
# As in GermEval 2014: number, word, tags of outer spans, tags of the spans inside of these
_NESTED_COLUMNS, _OUTER_TAG = 4, 2
_SPAN_TAG = re.compile(r"O|[BI]-.+")
_NUMBER = re.compile(r"\d+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)?:(?=.)")
# words that stand for several others, and words that the text has not: both beside the words that are counted
_RANGE_OR_EMPTY = re.compile(r"\d+[-.]\d+")


def read_conll(path: Path, options: DataOptions = AS_FOUND) -> FileRows:
    """Sentences of a file with one word per line and an empty line after each sentence.

    The columns of a line are separated by tabs, if its first line has one, otherwise by spaces. The first column holds
    the words, the last the tags, unless `text_column` and `label_column` give their numbers, from 1. Where the first
    column numbers the words, the second holds them; then the tags are in the fourth of ten columns, as in CoNLL-U, and
    in the third of four if both that and the fourth hold spans, as in GermEval.

    Left out are `-DOCSTART-` lines; lines of several words or of none (`2-3`, `8.1`) where words are numbered; where
    tabs separate, lines before a sentence that begin with # and have other columns than the rest; between spaces, where
    such a line may as well be a word, only if every sentence begins with one. Where every word begins with the same
    language (`id:Budi`), that is left out.

    Raises:
        UserError: naming the line that has not as many columns as the first, or an empty one; or when words and tags
            would be the same column.
    """
    lines = [(line, "" if content.startswith("-DOCSTART-") else content) for line, content in read_lines(path)]
    first = next((content for _, content in lines if content.strip() and not content.startswith("#")), "")
    separator = separator_of(options.separator) or ("\t" if "\t" in first else " ")
    lines, headings = _without_headings(lines) if separator == " " else (lines, 0)
    width = len(_cells(first, separator))
    table = [cells for _, content in lines if content.strip() and len(cells := _cells(content, separator)) == width]
    numbered = _numbers_words(table, width)
    word, tag = _columns(options, _default_tag(table, width) if numbered else None)
    rows: list[Example] = []
    words: list[str] = []
    tags: list[str] = []
    start = expected = left_out = 0
    for line, content in [*lines, (0, "")]:
        if not content.strip():
            if words:
                rows.append(checked(words, tags, path, start))
            words, tags = [], []
            continue
        cells = _cells(content, separator)
        if separator == "\t" and not words and content.startswith("#") and len(cells) != width:
            continue
        start = start if words else line
        expected = expected or _width(cells, word, tag, f"{path}:{line}")
        if len(cells) != expected:
            raise UserError(f"{path}:{line}: expected {expected} columns as before, found {len(cells)}")
        if numbered and _RANGE_OR_EMPTY.fullmatch(cells[0]):
            left_out += 1
            continue
        for what, cell in (("token", cells[word]), ("label", cells[tag])):
            if not cell.strip():
                raise UserError(f"{path}:{line}: an empty {what}")
        words.append(cells[word])
        tags.append(cells[tag])
    rows, language = _without_language(rows)
    notes = {
        f"{left_out} lines left out: words of several (2-3) or of none (8.1) by their numbers": left_out,
        f"{headings} lines left out: each begins a sentence with #": headings,
        f"{language!r} left out: every word began with it": language,
    }
    described = f"words column {word % width + 1}, tags column {tag % width + 1} of {width}" if width else ""
    return FileRows(rows, columns=described, notes=tuple(note for note, found in notes.items() if found))


def _without_headings(lines: Sequence[tuple[int, str]]) -> tuple[list[tuple[int, str]], int]:
    """The lines without the first of each sentence, where all of several begin with #; and how many these were."""
    before = ["", *(content for _, content in lines)]
    pairs = zip(lines, before, strict=False)
    starts = {line for (line, content), last in pairs if content.strip() and not last.strip()}
    marked = [line for line, content in lines if line in starts and content.startswith("# ")]
    if len(starts) < 2 or len(marked) < len(starts):
        return list(lines), 0
    return [one for one in lines if one[0] not in starts], len(starts)


def _without_language(rows: list[Example]) -> tuple[list[Example], str]:
    """The sentences without the language that WikiANN's files put before every word, and that language."""
    found = _LANGUAGE.match(words_tagged(rows[0].input)[0]) if rows else None
    if found is None or not all(word.startswith(found[0]) for row in rows for word in words_tagged(row.input)):
        return rows, ""
    plain = [[word.removeprefix(found[0]) for word in words_tagged(row.input)] for row in rows]
    return [replace(row, input=words) for row, words in zip(rows, plain, strict=True)], found[0]


def _cells(content: str, separator: str) -> list[str]:
    return [cell for cell in content.split(separator) if cell or separator != " "]


def _numbers_words(table: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the first of at least three columns counts the words of each sentence from 1, or from 0."""
    numbers = [cells[0] for cells in table if not _RANGE_OR_EMPTY.fullmatch(cells[0])]
    if width < 3 or not numbers or not all(map(_NUMBER.fullmatch, numbers)):
        return False
    counts = Counter(map(int, numbers))
    # sentences get shorter, so that the first numbers are the most frequent ones
    return max(counts, key=lambda number: (counts[number], -number)) <= 1 and len(counts) > 1


def _default_tag(table: Sequence[Sequence[str]], width: int) -> int:
    """The column of the tags where words are numbered."""
    if width == _CONLLU_COLUMNS:
        return _CONLLU_TAG
    nested = width == _NESTED_COLUMNS and all(_SPAN_TAG.fullmatch(tag) for cells in table for tag in cells[_OUTER_TAG:])
    return _OUTER_TAG if nested else -1


def _columns(options: DataOptions, numbered_tag: int | None) -> tuple[int, int]:
    """The columns of the words and of the tags, from 0, or -1 for the last."""
    word = _position("text_column", options.text_column, 0 if numbered_tag is None else 1)
    return word, _position("label_column", options.label_column, -1 if numbered_tag is None else numbered_tag)


def _position(parameter: str, column: str | None, default: int) -> int:
    if column is None:
        return default
    if not column.isdecimal() or int(column) < 1:
        raise UserError(f"{parameter}={column}: the columns of words and tags have no names; give a number from 1")
    return int(column) - 1


def _width(cells: Sequence[str], word: int, tag: int, place: str) -> int:
    needed = max(word + 1, tag + 1, 2)
    if len(cells) < needed:
        raise UserError(f"{place}: expected {needed} columns or more, found {len(cells)}")
    if tag % len(cells) == word:
        raise UserError(
            f"{place}: column {word + 1} of {len(cells)} would hold both the words and the tags; "
            "choose two with text_column and label_column"
        )
    return len(cells)
