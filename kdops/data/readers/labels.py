"""Labels as they are meant: without invisible differences, and one name per text."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kdops.data.raw import Example
from kdops.errors import UserError

Rows = Mapping[str, Sequence[Example]]

_LIST = re.compile(r"\[.*\]|\{.*\}", re.DOTALL)
_SEPARATORS = "|,;+/&"
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
    said = f"{total} labels tidied (blanks, invisible characters, accents in one character): {shown}"
    return renamed, (said, *cased)


def _differ_by_case(names: set[str]) -> tuple[str, ...]:
    """A sentence on names that may be one class, written in two ways; spans' types and tags may well differ so."""
    by_look: dict[str, list[str]] = {}
    for name in sorted(names):
        by_look.setdefault(name.casefold(), []).append(name)
    several = [" and ".join(map(repr, those)) for those in by_look.values() if len(those) > 1]
    return (f"classes that differ by upper and lower case only: {', '.join(several)}",) if several else ()


def check_labels(rows: Rows, places: Mapping[str, Path]) -> None:
    """Stop at texts whose label is several labels; as one class, each mixture of them would be learnt on its own.

    That is a list as text, or names between marks such as | or commas, each of which is the label of another text. A
    name may hold such marks otherwise.

    Args:
        rows: by split.
        places: where the rows of each split come from, for messages.

    Raises:
        UserError: naming file and line.
    """
    names = {row.gold.strip() for those in rows.values() for row in those if isinstance(row.gold, str)}
    several = {name for name in names if _LIST.fullmatch(name) or _is_mixture(name, names)}
    if not several:
        return
    for split, those in rows.items():
        for row in those:
            if isinstance(row.gold, str) and row.gold.strip() in several:
                raise UserError(
                    f"{places[split]}:{row.line}: label {row.gold!r} reads as several labels, and several labels a "
                    "text are not supported; give each text one name"
                )


def _is_mixture(name: str, names: set[str]) -> bool:
    return any(mark in name and {part.strip() for part in name.split(mark)} <= names for mark in _SEPARATORS)


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
        return replace(row, gold=names[row.gold]) if row.gold in names else row
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
    """What is seen of a name: compatible characters are the same, invisible ones are none."""
    seen = "".join(one for one in unicodedata.normalize("NFKC", name) if unicodedata.category(one) != "Cf")
    return _BLANKS.sub(" ", seen)
