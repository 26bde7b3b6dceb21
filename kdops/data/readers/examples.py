"""Rows become examples that can be trained on."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kdops.data.inputs import Side, Text, sides
from kdops.data.raw import Example
from kdops.errors import UserError

LONGEST_TEXT = 100_000
"""Most characters of one text: no encoder reads a hundredth of it, and more is a mistake in the file."""


def words_of(row: Mapping[str, Any], column: str, path: Path, line: int) -> list[str]:
    """A column of a row that must be a list of words or tags.

    Raises:
        UserError: when it is anything else.
    """
    value = row[column]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UserError(f"{path}:{line}: column {column!r} must be a list of strings, found {shown(value)}")
    return value


def text_of(row: Mapping[str, Any], path: Path, line: int, column: str = "text") -> str:
    """The text column of a row.

    Raises:
        UserError: when it is not a string.
    """
    value = row[column]
    if not isinstance(value, str):
        raise UserError(f"{path}:{line}: column {column!r} must be a string, found {shown(value)}")
    return value


def visible(text: str) -> bool:
    """Whether a text has any character that is drawn: not space, control or format ones such as U+200B alone."""
    return any(not one.isspace() and unicodedata.category(one) not in ("Cc", "Cf") for one in text)


def checked(read: Text, gold: str | list[str], path: Path, line: int, *, aspects: bool = False) -> Example:
    """An example that can be trained on: text and words that are not empty, names, and one tag per word.

    A text may have a list of labels, also an empty one; `aspects` says that they are one per aspect. Of a pair both
    texts are checked, and the tags are those of the second.

    Raises:
        UserError: when it cannot, naming its line.
    """
    place = f"{path}:{line}"
    names = [gold] if isinstance(gold, str) else gold
    given = sides(read)
    for number, side in enumerate(given):
        _check_side(side, f"{place}: the second text of the pair:" if number else f"{place}:")
    tagged = given[-1]
    if not isinstance(tagged, str) and len(tagged) != len(names):
        raise UserError(f"{place}: {len(tagged)} tokens but {len(names)} tags")
    if not all(name.strip() for name in names):
        raise UserError(f"{place}: an empty label")
    _check_characters(names, place)
    return Example(read, gold, line, aspects)


def _check_side(side: Side, place: str) -> None:
    words = [side] if isinstance(side, str) else side
    # public files have zero-width spaces among the words of a sentence
    if not any(map(visible, words)) or not all(word.strip() for word in words):
        raise UserError(f"{place} the text is empty" if isinstance(side, str) else f"{place} an empty token")
    characters = sum(map(len, words))
    if characters > LONGEST_TEXT:
        raise UserError(f"{place} a text of {characters:,} characters; the most is {LONGEST_TEXT:,}")
    _check_characters(words, place.removesuffix(":"))


def _check_characters(parts: Sequence[str], place: str) -> None:
    if any("\0" in part for part in parts):
        raise UserError(f"{place}: a NUL character")
    try:
        "".join(parts).encode()
    except UnicodeEncodeError as error:  # JSON can escape one half of a character, UTF-8 cannot hold it
        raise UserError(f"{place}: half a character ({error.object[error.start]!r}); was a text cut off?") from None


def shown(value: object) -> str:
    """A value of a row as messages show it."""
    return json.dumps(value, default=repr)[:40]
