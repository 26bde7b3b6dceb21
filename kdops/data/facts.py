"""Facts about a data set that passed its checks, worth logging."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdops.data.corpus import Corpus, Gold
from kdops.data.inputs import Text, joined, sides
from kdops.data.keys import content_key
from kdops.data.schemes import marks_spans, orphans

_LABELS_SHOWN, _ROWS_SHOWN, _CHARACTERS_SHOWN = 20, 2, 100


@dataclass(frozen=True)
class DataFacts:
    """Facts about a data set that passed the checks, for logging.

    Texts count as the same when they have the same letters and digits, whatever their case: see
    `kdops.data.keys.content_key`.

    Attributes:
        rows: a split's number of texts.
        duplicates_train_validation: validation texts that stand in train too.
        duplicates_train_test: test texts that stand in train too.
        duplicates_validation_test: test texts that stand in validation too.
        duplicates_in_train: train texts beyond the first of their kind.
        conflicting_in_train: different train texts that carry more than one labeling.
        repaired_tags: of each split, the I- tags that no B- or I- of their type stands before. Each counts as the
            beginning of a span, as IndoNLU's scorer and seqeval's default do; the tag itself stays as it is.
            None among plain tags.
    """

    rows: Mapping[str, int]
    duplicates_train_validation: int
    duplicates_train_test: int
    duplicates_validation_test: int
    duplicates_in_train: int
    conflicting_in_train: int
    repaired_tags: Mapping[str, int]


def inspect(corpus: Corpus) -> DataFacts:
    """Count a loaded data set's rows, duplicates and repaired tags."""
    keys = {split: [content_key(text) for text in corpus.inputs(split)] for split in corpus.rows}
    gold = {split: corpus.gold(split) for split in corpus.rows}
    labelings: dict[str, set[tuple[str, ...]]] = {}
    for key, labeling in zip(keys["train"], gold["train"], strict=True):
        labelings.setdefault(key, set()).add((labeling,) if isinstance(labeling, str) else tuple(labeling))
    return DataFacts(
        rows={split: len(rows) for split, rows in keys.items()},
        duplicates_train_validation=_shared(keys["train"], keys["validation"]),
        duplicates_train_test=_shared(keys["train"], keys["test"]),
        duplicates_validation_test=_shared(keys["validation"], keys["test"]),
        duplicates_in_train=len(keys["train"]) - len(labelings),
        conflicting_in_train=sum(len(different) > 1 for different in labelings.values()),
        repaired_tags={split: _repaired(rows, corpus) for split, rows in gold.items()},
    )


def summary(corpus: Corpus) -> str:
    """Describe the data as it was read: task, columns, label counts and two training rows, to expose a wrong guess.

    Returns:
        A line each.
    """
    gold = corpus.gold("train")
    counts = Counter(name for row in gold for name in ([row] if isinstance(row, str) else row))
    frequent = counts.most_common(_LABELS_SHOWN)
    left = f", and {len(counts) - len(frequent)} more" if len(counts) > len(frequent) else ""
    lines = [f"task: {corpus.task}, compared by {corpus.main_metric}"]
    if corpus.columns:
        lines.append(f"columns: {corpus.columns}")
    shown = ", ".join(f"{name} {count}" for name, count in frequent)
    lines.append(f"labels: {len(corpus.labels)}, by train {corpus.task.unit}s: {shown}{left}")
    first: Sequence[Text] = corpus.inputs("train")[:_ROWS_SHOWN]
    rows = zip(first, gold[:_ROWS_SHOWN], strict=True)
    return "\n".join([*lines, *(f"row {place}: {_shown(text, label)}" for place, (text, label) in enumerate(rows, 1))])


def _shown(text: Text, gold: str | Sequence[str]) -> str:
    *before, last = sides(text)
    if before:
        return f"{_cut(joined(before[0]))!r} and {_shown(last, gold)}"
    if isinstance(last, str):
        labels = repr(gold) if isinstance(gold, str) else ", ".join(gold) or "none"
        return f"{_cut(last)!r} is {labels}"
    return _cut(" ".join(word if tag == "O" else f"{word} [{tag}]" for word, tag in zip(last, gold, strict=True)))


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS_SHOWN else f"{text[: _CHARACTERS_SHOWN - 3]}..."


def _shared(known: Sequence[str], asked: Sequence[str]) -> int:
    seen = set(known)
    return sum(key in seen for key in asked)


def _repaired(rows: Gold, corpus: Corpus) -> int:
    return sum(map(orphans, rows)) if corpus.task.of_words and marks_spans(corpus.labels) else 0
