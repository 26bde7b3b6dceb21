"""How tags mark spans, and spans in other ways than IOB2 brought to it."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from kdops.data.raw import Example, Scheme
from kdops.errors import UserError

_MARKED = re.compile(r"[BIESLU]-.+")
# Spans as no scheme here writes them: without a type, in lower case, with another separator, the letter at the end.
_NEARLY_MARKED = re.compile(r"[BIESLU]-|[bi]-.*|[BIbi][_:/.|].*|.+[-_:/.|][BIbi]")
_TAGS: Mapping[Scheme, tuple[re.Pattern[str], str]] = {
    "iob1": (re.compile(r"O|[BI]-.+"), "IOB1 (O, I-TYPE or B-TYPE)"),
    "iob2": (re.compile(r"O|[BI]-.+"), "IOB2 (O, B-TYPE or I-TYPE)"),
    "iobes": (re.compile(r"O|[BIESLU]-.+"), "IOBES (O, B-, I-, E- or S-TYPE) or BILOU (O, B-, I-, L- or U-TYPE)"),
}
_SINGLE, _LAST = ("S-", "U-"), ("E-", "L-")


def to_iob2(
    rows: Mapping[str, Sequence[Example]], scheme: Scheme, places: Mapping[str, Path]
) -> tuple[dict[str, list[Example]], Scheme]:
    """Bring the tags of all splits to IOB2, keeping their spans; plain tags stay as they are.

    - `iob1` (Ramshaw and Marcus 1995): I- begins a span too, and B- only one right after another of its type.
    - `iob2`: B- begins every span. An I- without a tag of its type before it begins one too, as the CoNLL script,
      seqeval's default and IndoNLU read it; it stays as it is.
    - `iobes`, also as BILOU: S- (U-) is a whole span, E- (L-) its end. Spans that are not closed, or not begun, are
      read as in IOB2.
    - `plain`: each tag stands for itself, as parts of speech do.
    - `auto` looks at the tags of train. Plain, if of the different tags except O fewer than half are one of the letters
      B, I, E, S, L, U, a hyphen and a type. Else `iobes`, if any has E, S, L or U. Else `iob1`, if there are I- that
      begin spans and no B- but right after a tag of its type. Else `iob2`. Tags that are found to be plain, but look
      like spans (`b-per`, `B_PER`, `B-`, `B` beside `I`), are refused, since their spans would not be scored.

    Args:
        rows: by split; train is among them. Rows of texts are left to the checks.
        scheme: how their tags mark spans.
        places: where the rows of each split come from, for messages.

    Returns:
        The rows of each split, and the scheme that their tags were in.

    Raises:
        UserError: for a tag outside the scheme, naming file and line.
    """
    if scheme == "auto":
        scheme = _detect([row.names for row in rows["train"] if row.task.of_words])
        if scheme == "plain":
            _refuse_nearly_marked(rows["train"], places["train"])
    if scheme == "plain":
        _refuse_spans(rows["train"], places["train"])
        return {split: list(those) for split, those in rows.items()}, scheme
    pattern, described = _TAGS[scheme]
    brought: dict[str, list[Example]] = {split: [] for split in rows}
    for split, those in rows.items():
        for row in those:
            if not row.task.of_words:
                brought[split].append(row)
                continue
            for tag in row.names:
                if not pattern.fullmatch(tag):
                    raise UserError(f"{places[split]}:{row.line}: tag {tag!r} is not {described}")
            brought[split].append(row if scheme == "iob2" else replace(row, gold=_begun(row.names, scheme)))
    return brought, scheme


def marks_spans(labels: Iterable[str]) -> bool:
    """Whether the labels of a token task are O, B-TYPE and I-TYPE, and not plain tags."""
    return all(_TAGS["iob2"][0].fullmatch(label) for label in labels)


def orphans(tags: Sequence[str]) -> int:
    """How many I- tags of a sentence stand right after no B- or I- of their type."""
    return sum(tag.startswith("I-") and before[2:] != tag[2:] for before, tag in pairwise(["O", *tags]))


def _begun(tags: Sequence[str], scheme: Scheme) -> list[str]:
    return [_marked(before, tag, scheme) for before, tag in pairwise(["O", *tags])]


def _marked(before: str, tag: str, scheme: Scheme) -> str:
    """One tag as IOB2 has it, from itself and the tag before it."""
    if tag == "O" or tag.startswith("B-"):
        return tag
    kind = tag[2:]
    orphan = before[2:] != kind
    begins = tag.startswith(_SINGLE) or (orphan and scheme == "iob1")
    closed = not orphan and before.startswith((*_SINGLE, *_LAST))
    return f"{'B' if begins or closed else 'I'}-{kind}"


def _detect(sentences: Sequence[Sequence[str]]) -> Scheme:
    different = {tag for tags in sentences for tag in tags} - {"O"}
    if 2 * sum(_MARKED.fullmatch(tag) is not None for tag in different) < len(different):
        return "plain"
    if any(tag.startswith((*_SINGLE, *_LAST)) for tag in different):
        return "iobes"
    pairs = Counter(pair for tags in sentences for pair in pairwise(["O", *tags]))
    begun_freely = any(tag.startswith("B-") and before[2:] != tag[2:] for before, tag in pairs)
    orphaned = any(tag.startswith("I-") and before[2:] != tag[2:] for before, tag in pairs)
    return "iob1" if orphaned and not begun_freely else "iob2"


def _refuse_nearly_marked(train: Sequence[Example], place: Path) -> None:
    different = {tag for row in train if row.task.of_words for tag in row.names}
    refused = {tag for tag in different if _NEARLY_MARKED.fullmatch(tag)} | (
        {"B", "I"} if {"B", "I"} <= different else set()
    )
    for row in train:
        for tag in row.names if row.task.of_words else ():
            if tag in refused:
                raise UserError(
                    f"{place}:{row.line}: tag {tag!r} looks like part of a span, but is not {_TAGS['iob2'][1]}; "
                    "write it so, or give scheme=plain if each tag stands for itself"
                )


def _refuse_spans(train: Sequence[Example], place: Path) -> None:
    different = {tag for row in train if row.task.of_words for tag in row.names}
    if different and marks_spans(different):
        raise UserError(f"{place}: tags that are all O, B-TYPE or I-TYPE mark spans; scheme=plain is not for them")
