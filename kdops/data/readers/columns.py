"""Which columns of a table hold the texts and their labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kdops.errors import UserError
from kdops.task import Task

_WORDS = ("tokens", "words")
_TAGS = ("tags", "ner_tags", "pos_tags", "labels", "seq_label")
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
_ASPECTS = ("aspects",)
_NUMBERS = ("", "id", "index", "no", "nr", "number", "unnamed: 0")
_PAIRS = (
    ("tokens", "tokens_pair"),
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
    """The columns of a row's text and labels.

    Attributes:
        text: the column of the text, or of the words.
        label: the column of the label, or of the tags.
        words: whether the text must be a list of words.
        several: the columns of labels that stand beside each other, in place of one; empty: there is one.
        pair: the column of the second text of a pair; None: there are no pairs.
    """

    text: str
    label: str
    words: bool
    several: tuple[str, ...] = ()
    pair: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """All columns of texts, or of words."""
        return (self.text,) if self.pair is None else (self.text, self.pair)

    @property
    def labels(self) -> tuple[str, ...]:
        """All columns of labels."""
        return self.several or (self.label,)


def find_columns(
    row: Mapping[str, Any], text_column: str | None, label_column: str | None, place: str, task: Task | None = None
) -> Columns:
    """The columns of a row that hold its text and its label.

    Those named are taken. Otherwise `tokens` and `tags`, or `text` and `label`, or whatever stands alone among the
    names that data sets commonly give them. Upper and lower case are the same. Several label columns are named with
    commas between them, or are those that hold 0 and 1 where none is called a label; for aspects all but the text. Two
    text columns are named so too, or found by the names that the texts of pairs commonly have.

    Args:
        row: its values by column; they only tell labels of 0 and 1 from others.
        text_column: the name of the column of the text, or of the words; None: found.
        label_column: the name of the column of the label, or of the tags; None: found.
        place: file and line of the row, for messages.
        task: what the labels are for; None: found.

    Raises:
        UserError: when a column is not there, several could be meant, or the text would be its own label.
    """
    several, pair = _listed(row, label_column), _pair(row, text_column, label_column, place)
    named, texts = several or (label_column,), pair or (text_column,)
    for name, parameter in (*((one, "text_column") for one in texts), *((one, "label_column") for one in named)):
        if name is not None and name not in row:
            raise UserError(f"{place}: {parameter}={name} is not a column ({_found(row)})")
    text = pair[0] if pair else text_column or _text_column(row, place)
    other = pair[1] if pair else None
    if text in named or (other is not None and other in named):
        raise UserError(
            f"{place}: column {other if other in named else text!r} would be both the text and its label; "
            "choose two with text_column and label_column"
        )
    words = _plain(text) in _WORDS
    rest = {name: value for name, value in row.items() if name not in (text, other)}
    several = several or _marked(rest, words, label_column)
    if task is Task.ASPECTS and not several and label_column is None and _aspects_column(row) is None:
        several = tuple(rest)
    if several:
        return Columns(text, "", words, several, other)
    tagged = words or (other is not None and _are_words(row[text]))
    return Columns(text, label_column or _label_column(rest, text, tagged, place), words, (), other)


def are_columns(names: Iterable[str]) -> bool:
    """Whether names are those of a text column and of a label column, as a table's first line may have them."""
    known = {_plain(name) for name in names}
    texts = {*_WORDS, *_TEXTS, *(name for pair in _PAIRS for name in pair)}
    return bool(known & texts and known & {*_TAGS, *_LABELS, *_ASPECTS})


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
    found = _among(row, _WORDS, "words", "text_column", place) or _among(row, _TEXTS, "text", "text_column", place)
    if found is None:
        raise UserError(
            f"{place}: no column 'text' (or 'tokens' and 'tags'; {_found(row)}); {_GIVE.format('text_column')}"
        )
    return found


def _label_column(rest: Mapping[str, Any], text: str, words: bool, place: str) -> str:
    found = _among(rest, _TAGS, "tags", "label_column", place) if words else None
    found = found or _among(rest, (*_LABELS, *_ASPECTS), "label", "label_column", place)
    if found is not None:
        return found
    raise UserError(
        f"{place}: no column {'tags' if words else 'label'!r} beside {text!r} ({_found({text: None, **rest})}); "
        f"{_GIVE.format('label_column')}"
    )


def _are_words(value: object) -> bool:
    """Whether a value is a list, or a cell that holds one as pandas writes it."""
    return isinstance(value, list) or (isinstance(value, str) and value.startswith("["))


def _listed(row: Mapping[str, Any], named: str | None) -> tuple[str, ...]:
    """The columns that are named with commas between them, where no column has all of that as its name."""
    if named is None or named in row or "," not in named:
        return ()
    return tuple(name.strip() for name in named.split(",") if name.strip())


def _pair(row: Mapping[str, Any], text_column: str | None, label_column: str | None, place: str) -> tuple[str, ...]:
    """The two columns of pairs, named or by the names that they commonly have; empty: there are no pairs."""
    if text_column is not None:
        listed = _listed(row, text_column)
        if listed and len(listed) != 2:
            raise UserError(f"{place}: text_column={text_column} must name one column, or the two of a pair")
        return listed
    by_name = {_plain(name): name for name in row if name != label_column}
    found = next((pair for pair in _PAIRS if by_name.keys() >= set(pair)), ())
    return tuple(by_name[name] for name in found)


def _marked(rest: Mapping[str, Any], words: bool, label_column: str | None) -> tuple[str, ...]:
    """The columns that hold 0 and 1 where no column is called a label; names of numbers of rows are none of them."""
    if words or label_column is not None or any(_plain(name) in (*_TAGS, *_LABELS, *_ASPECTS) for name in rest):
        return ()
    found = [name for name, value in rest.items() if is_mark(value) and _plain(name) not in _NUMBERS]
    return tuple(found) if len(found) > 1 else ()


def is_mark(value: object) -> bool:
    """Whether a value says that a text has a label (1), or has not (0)."""
    return str(value).strip() in {"0", "1"} and not isinstance(value, bool)


def _aspects_column(row: Mapping[str, Any]) -> str | None:
    return next((name for name in row if _plain(name) in _ASPECTS), None)


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
