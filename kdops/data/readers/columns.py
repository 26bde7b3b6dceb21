"""Which columns of a table hold the texts and their labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kdops.errors import UserError

_WORDS = ("tokens", "words")
_TAGS = ("tags", "ner_tags", "pos_tags", "labels")
_TEXTS = (
    "text",
    "sentence",
    "tweet",
    "content",
    "review",
    "comment",
    "document",
    "title",
    "headline",
    "message",
    "body",
    "utterance",
)
_LABELS = (
    "label",
    "labels",
    "class",
    "category",
    "sentiment",
    "emotion",
    "intent",
    "topic",
    "target",
    "polarity",
    "spans",
)
_PAIRS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"),
    ("sent_a", "sent_b"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("text", "text_pair"),
    ("text", "text2"),
    ("sentence", "sentence2"),
    ("sentence", "context"),
    ("question", "context"),
    ("question", "sentence"),
    ("question", "passage"),
    ("question", "answer"),
    ("query", "passage"),
    ("query", "document"),
    ("claim", "evidence"),
    ("anchor", "positive"),
)
_GIVE = "give {}, a name, or a number where columns have no names"


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a row holds what.

    Attributes:
        text: the column of the text, or of the words.
        label: the column of the label, or of the tags.
        words: whether the text must be a list of words.
    """

    text: str
    label: str
    words: bool


def find_columns(row: Mapping[str, Any], text_column: str | None, label_column: str | None, place: str) -> Columns:
    """The columns of a row that hold its text and its label.

    Those named are taken. Otherwise `tokens` and `tags`, or `text` and `label`, or whatever stands alone among the
    names that data sets commonly give them. Upper and lower case are the same.

    Args:
        row: its values by column; they only tell labels of 0 and 1 from others.
        text_column: the name of the column of the text, or of the words; None: found.
        label_column: the name of the column of the label, or of the tags; None: found.
        place: file and line of the row, for messages.

    Raises:
        UserError: when a column is not there, several could be meant, the text would be its own label, or the rows are
            pairs of texts or have several labels.
    """
    for name, parameter in ((text_column, "text_column"), (label_column, "label_column")):
        if name is not None and name not in row:
            raise UserError(f"{place}: {parameter}={name} is not a column ({_found(row)})")
    text = text_column or _text_column(row, place)
    if text == label_column:
        raise UserError(
            f"{place}: column {text!r} would be both the text and its label; "
            "choose two with text_column and label_column"
        )
    words = _plain(text) in _WORDS
    return Columns(text, label_column or _label_column(row, text, words, place), words)


def are_columns(names: Iterable[str]) -> bool:
    """Whether names are those of a text column and of a label column, as a table's first line may have them."""
    known = {_plain(name) for name in names}
    return bool(known & {*_WORDS, *_TEXTS} and known & {*_TAGS, *_LABELS})


def duplicate(names: Sequence[str]) -> str | None:
    """The first name that stands more than once."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _plain(name: str) -> str:
    return name.strip().casefold()


def _text_column(row: Mapping[str, Any], place: str) -> str:
    names = {_plain(name) for name in row}
    for pair in _PAIRS:
        if names.issuperset(pair):
            raise UserError(
                f"{place}: columns {pair[0]!r} and {pair[1]!r} are pairs of texts, which are not supported; "
                "for one of them give text_column"
            )
    found = _among(row, _WORDS, "words", "text_column", place) or _among(row, _TEXTS, "text", "text_column", place)
    if found is None:
        raise UserError(
            f"{place}: no column 'text' (or 'tokens' and 'tags'; {_found(row)}); {_GIVE.format('text_column')}"
        )
    return found


def _label_column(row: Mapping[str, Any], text: str, words: bool, place: str) -> str:
    rest = {name: value for name, value in row.items() if name != text}
    found = _among(rest, _TAGS, "tags", "label_column", place) if words else None
    found = found or _among(rest, (*_LABELS, "spans"), "label", "label_column", place)
    if found is not None:
        return found
    marked = [repr(name) for name, value in rest.items() if str(value) in {"0", "1"} and not isinstance(value, bool)]
    if len(marked) > 1:
        raise UserError(
            f"{place}: columns {', '.join(marked)} hold 0 and 1: several labels a text are not supported; "
            "for one of them give label_column"
        )
    raise UserError(
        f"{place}: no column {'tags' if words else 'label'!r} beside {text!r} ({_found(row)}); "
        f"{_GIVE.format('label_column')}"
    )


def _among(row: Mapping[str, Any], names: Sequence[str], what: str, parameter: str, place: str) -> str | None:
    """The column with the first of the names, or the only one with another of them."""
    columns = [column for column in row if _plain(column) in names]
    first = [column for column in columns if _plain(column) == names[0]]
    if len(columns) > 1 and len(first) != 1:
        raise UserError(
            f"{place}: columns {', '.join(map(repr, columns))} could each be the {what}; choose one with {parameter}"
        )
    return next(iter(first or columns), None)


def _found(row: Mapping[str, Any]) -> str:
    return f"found: {', '.join(map(repr, row)) or 'none'}"
