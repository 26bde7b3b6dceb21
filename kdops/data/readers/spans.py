"""Entities given by their place in a text, as words and tags."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kdops.data.words import default_rule

_START, _END = ("start", "start_offset", "start_char"), ("end", "end_offset", "end_char")
_TYPE = ("label", "type", "tag", "entity", "entity_group", "labels")


class SpanError(ValueError):
    """A span that does not fit its text; the message says how."""


@dataclass(frozen=True, slots=True)
class TextSpan:
    """One entity, `text[start:end]` in characters.

    Attributes:
        start: of its first character.
        end: after its last character.
        type: what it is.
        text: what it should be, if that is known.
    """

    start: int
    end: int
    type: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class TaggedWords:
    """A text as words and IOB2 tags.

    Attributes:
        words: of the text.
        tags: one per word.
        inside: how many spans begin or end inside a word, which is cut there.
        overlapping: how many spans were left out, since a longer one has some of their characters.
    """

    words: list[str]
    tags: list[str]
    inside: int
    overlapping: int


def is_spans(value: object) -> bool:
    """Whether a value is a list of spans: start, end and type each, or objects that have these; empty ones are too."""
    return isinstance(value, list) and all(_as_span(one) is not None for one in value)


def spans_of(value: Iterable[Any]) -> list[TextSpan]:
    """The spans of a list for which `is_spans` holds."""
    return [span for one in value if (span := _as_span(one)) is not None]


def tag_words(text: str, spans: Iterable[TextSpan]) -> TaggedWords:
    """Cut a text into words, at the ends of spans too, and tag them.

    Blanks at the ends of a span are not part of it. Of spans that overlap the longest is kept, or the first.

    Raises:
        SpanError: for a span that is empty or outside of the text, or whose characters are others than it says.
    """
    rule = default_rule()
    fitting = sorted((_trimmed(text, span) for span in spans), key=lambda span: (span.start - span.end, span.start))
    kept: list[TextSpan] = []
    for span in fitting:
        if all(span.end <= one.start or one.end <= span.start for one in kept):
            kept.append(span)
    kept.sort(key=lambda span: span.start)
    inner = {edge for start, end in rule.offsets(text) for edge in _between(kept, start, end)}
    words: list[str] = []
    tags: list[str] = []
    edges = sorted({0, len(text), *(edge for span in kept for edge in (span.start, span.end))})
    starting = {span.start: span for span in kept}
    for start, end in pairwise(edges):
        opened = starting.get(start)
        cut = rule.cut(text[start:end])
        words += cut
        tags += [f"{'I' if place else 'B'}-{opened.type}" for place in range(len(cut))] if opened else ["O"] * len(cut)
    inside = sum(span.start in inner or span.end in inner for span in kept)
    return TaggedWords(words, tags, inside, len(fitting) - len(kept))


def _as_span(value: object) -> TextSpan | None:
    if isinstance(value, Mapping):
        start, end, name = (_first(value, names) for names in (_START, _END, _TYPE))
        text = value.get("text")
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(value) in (3, 4):
        (start, end, name), text = value[:3], None
    else:
        return None
    if isinstance(name, list) and len(name) == 1:
        name = name[0]
    numbers = type(start) is int and type(end) is int
    return TextSpan(start, end, name, text if isinstance(text, str) else None) if numbers and _is_name(name) else None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _first(value: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((value[name] for name in names if name in value), None)


def _trimmed(text: str, span: TextSpan) -> TextSpan:
    if not 0 <= span.start < span.end:
        raise SpanError(f"span {span.start} to {span.end} ({span.type}) is empty")
    start, end = span.start, span.end
    if span.text is not None and text[start:end] != span.text:
        # browsers count characters beyond the basic plane, such as emoji, as two
        units = text.encode("utf-16-le", "surrogatepass")
        start, end = (len(units[: 2 * place].decode("utf-16-le", "replace")) for place in (start, end))
        if text[start:end] != span.text:
            found = text[span.start : span.end]
            raise SpanError(
                f"span {span.start} to {span.end} ({span.type}) should be {span.text!r:.50}, found {found!r:.50}"
            )
    if end > len(text):
        raise SpanError(f"span {start} to {end} ({span.type}) ends beyond the text of {len(text)} characters")
    part = text[start:end]
    if not part.strip():
        raise SpanError(f"span {start} to {end} ({span.type}) holds no word")
    return TextSpan(start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip()), span.type)


def _between(spans: Iterable[TextSpan], start: int, end: int) -> Iterable[int]:
    return (edge for span in spans for edge in (span.start, span.end) if start < edge < end)
