"""Span tags in other spellings, such as PER-B, b_per or M-PER, brought to B-PER and I-PER."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

from kdops.data.raw import Example

_LETTERS = "BIESLUM"
_SEPARATORS = "-_:/.| "
_PREFIX, _SUFFIX = rf"(?P<letter>[{_LETTERS}]){{}}(?P<type>.+)", rf"(?P<type>.+){{}}(?P<letter>[{_LETTERS}])"
# Letters that are seen together: a word that is not first nor last is I in most spellings, but M in BMES.
_SETS = ("BI", "BIES", "BILU", "BMES", "BMESO")
_UNTYPED = "SPAN"


def usual_spelling(rows: Mapping[str, Sequence[Example]]) -> tuple[dict[str, list[Example]], tuple[str, ...]]:
    """Tags in the usual spelling, if all of them are span tags in one other spelling; otherwise the rows as they are.

    Other ways are: another separator than the hyphen (`_ : / . |` or a blank), the letter after the type, lower case,
    M for the middle of a span as in BMES, and letters without a type, of which at least B and I, or B and E, are there:
    these become spans of the type SPAN.

    Args:
        rows: by split.

    Returns:
        The rows, and a sentence on what was rewritten, if anything was.
    """
    different = {tag for those in rows.values() for row in those if row.task.of_words for tag in row.names}
    table = _typed(different) or _untyped(different)
    changed = {tag: new for tag, new in (table or {}).items() if tag != new and tag in different}
    if not changed:
        return {split: list(those) for split, those in rows.items()}, ()
    rewritten = {
        split: [
            replace(row, gold=[changed.get(tag, tag) for tag in row.names]) if row.task.of_words else row
            for row in those
        ]
        for split, those in rows.items()
    }
    shown = ", ".join(f"{tag} as {new}" for tag, new in sorted(changed.items())[:3])
    return rewritten, (f"{len(changed)} of {len(different)} different tags are read in the usual spelling: {shown}",)


def _typed(tags: set[str]) -> dict[str, str] | None:
    marked = {tag for tag in tags if tag not in ("O", "o")}
    for pattern, separator in product((_PREFIX, _SUFFIX), _SEPARATORS):
        form = re.compile(pattern.format(re.escape(separator)), re.IGNORECASE)
        found = {tag: match for tag in marked if (match := form.fullmatch(tag))}
        if not found or len(found) < len(marked):
            continue
        letters = {match["letter"].upper() for match in found.values()}
        cased = {match["letter"].isupper() for match in found.values()}
        if "B" in letters and len(cased) == 1 and any(letters <= {*those} for those in _SETS):
            return {"o": "O"} | {tag: f"{_usual(match['letter'])}-{match['type']}" for tag, match in found.items()}
    return None


def _untyped(tags: set[str]) -> dict[str, str] | None:
    letters = {tag.upper() for tag in tags}
    if len(letters) < len(tags) or not ({"B", "I"} <= letters or {"B", "E"} <= letters):
        return None
    if not any(letters <= {*those, "O"} for those in _SETS):
        return None
    return {tag: "O" if tag.upper() == "O" else f"{_usual(tag)}-{_UNTYPED}" for tag in tags}


def _usual(letter: str) -> str:
    return "I" if letter.upper() == "M" else letter.upper()
