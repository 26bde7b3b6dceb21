"""The one place that scores: F1 and friends, for every task.

Texts, and words with plain tags such as parts of speech, are scored by scikit-learn: a text or a word counts once.
Tags that mark spans are scored over entity spans by seqeval in its default mode, which reads tags as the CoNLL script
and IndoNLU do: an I- tag after O, or after another type, begins a span of its own; spans end with their sentence.

A macro F1 is the unweighted mean over the classes, or entity types, that occur in the gold labels or in the
predictions. So have it scikit-learn, seqeval and IndoNLU's scorer
(https://github.com/IndoNLP/indonlu, utils/conlleval.py: `type_macro_f1` and, for micro, `f1`); the values are the same
wherever there is a span at all. Where there is none IndoNLU's macro F1 is undefined (a division by zero), here it is 0.
All scores are fractions between 0 and 1.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import cast

import numpy as np
from numpy.typing import NDArray

from kdops.data.schemes import marks_spans
from kdops.task import Task, aspect_of, value_of

Gold = Sequence[str] | Sequence[Sequence[str]]
Counts = NDArray[np.int64]

AGREEMENT = "agreement"
"""The metric for the share of labels, of texts or of words, that are those of the teacher."""
_AGREEMENT = {
    "f1_macro": "agreement_macro",
    "f1_entity_macro": "agreement_entity_macro",
    "f1_entity_micro": "agreement_entity_micro",
    "accuracy": AGREEMENT,
}
"""The names of scores where the labels are a teacher's: how far a model agrees with it."""


def main_metric(task: Task, labels: Sequence[str], *, agreement: bool = False) -> str:
    """The metric that models are selected and compared by: of entity spans where tags mark them, else of labels.

    Args:
        task: decides it, with the labels.
        labels: every label there is.
        agreement: whether labels of a teacher stand for gold labels; see `score`.
    """
    name = _scorer(task, labels).main_metric
    return _AGREEMENT[name] if agreement else name


def is_agreement(metric: str) -> bool:
    """Whether a metric measures agreement with a teacher, and not correctness."""
    return metric in _AGREEMENT.values()


def word_for(metrics: Iterable[str]) -> str:
    """The title of a column of scores by these metrics: F1, agreement, or both."""
    words = {"agreement" if is_agreement(metric) else "F1" for metric in metrics}
    return " or ".join(sorted(words)) or "F1"


def score(
    task: Task, labels: Sequence[str], gold: Gold, predicted: Gold, *, agreement: bool = False
) -> dict[str, float]:
    """All metrics of a task.

    Args:
        task: decides what is scored: texts, or words.
        labels: every label there is; of words, they tell plain tags from tags that mark spans (IOB2).
        gold: label names, one per text or one per word.
        predicted: the same shape as `gold`.
        agreement: whether `gold` are a teacher's labels: the same numbers are called `agreement_macro`, `agreement` and
            so on then.

    Returns:
        `f1_macro` and `accuracy` (over texts, or over words with plain tags); where tags mark spans `f1_entity_macro`,
        `f1_entity_micro` (over spans) and `accuracy` (over words); of several labels `f1_macro`, `f1_micro` and
        `subset_accuracy` (texts with all labels right); of aspects `f1_macro` and `accuracy` over the values of all
        aspects together, as IndoNLU scores them, and `f1_aspects`, the mean over the aspects of each one's macro F1.

    Raises:
        ValueError: when the shapes differ, there are no rows, or a name is not in `labels`.
    """
    scorer = _scorer(task, labels)
    scores = scorer.scores(*scorer.flat(labels, gold, predicted), gold, predicted)
    return {_AGREEMENT[name]: value for name, value in scores.items()} if agreement else scores


def confusion(task: Task, labels: Sequence[str], gold: Gold, predicted: Gold) -> Counts:
    """How often each label (rows) was predicted as each label (columns), over texts or over single tags.

    Returns:
        int64 (labels, labels), in the order of `labels`.

    Raises:
        ValueError: as `score`.
    """
    from sklearn.metrics import confusion_matrix

    flat_gold, flat_predicted = _scorer(task, labels).flat(labels, gold, predicted)
    return cast(Counts, confusion_matrix(flat_gold, flat_predicted, labels=list(labels)).astype(np.int64))


def by_class(task: Task, labels: Sequence[str], gold: Gold, predicted: Gold) -> dict[str, dict[str, float]]:
    """Scores of each class that occurs: of labels, or of entity types where tags mark spans.

    Returns:
        By name `f1`, `precision`, `recall` (fractions) and `gold`, how often it occurs.

    Raises:
        ValueError: as `score`.
    """
    counts = class_counts(task, labels, gold, predicted).sum(axis=0)
    scores = {}
    for name, (right, guessed, wanted) in zip(_scorer(task, labels).classes(labels), counts.tolist(), strict=True):
        if guessed + wanted:
            scores[name] = {
                "f1": 2 * right / (guessed + wanted),
                "precision": right / guessed if guessed else 0.0,
                "recall": right / wanted if wanted else 0.0,
                "gold": wanted,
            }
    return scores


def class_counts(task: Task, labels: Sequence[str], gold: Gold, predicted: Gold) -> Counts:
    """How often each class is right, predicted and gold in each row, a text or a sentence.

    Returns:
        int64 (rows, classes, 3), from which `macro_f1` makes the main metric: over the labels, over the entity types
        where tags mark spans, or over the values of all aspects together.

    Raises:
        ValueError: as `score`.
    """
    scorer = _scorer(task, labels)
    scorer.flat(labels, gold, predicted)
    return scorer.counts(labels, gold, predicted)


def macro_f1(counts: NDArray[np.number]) -> NDArray[np.float64]:
    """Mean F1 over the classes that occur, from counts (..., classes, 3) of right, predicted, gold."""
    right, predicted, gold = np.moveaxis(counts.astype(np.float64), -1, 0)
    occurring = predicted + gold > 0
    f1 = 2 * right / np.where(occurring, predicted + gold, 1)
    return cast(NDArray[np.float64], f1.sum(axis=-1) / np.maximum(occurring.sum(axis=-1), 1))


Flat = tuple[list[str], list[str]]
"""Gold and predicted names, one list each."""


@dataclass(frozen=True)
class _Scorer:
    """How the predictions of a task are scored; everything else here follows from it.

    Attributes:
        main_metric: what models are selected and compared by.
        flat: gold and predicted names as one flat list each, after checking that they belong together.
        scores: all metrics, of the flat lists and of the rows.
        counts: how often each class is right, predicted, gold in each row, (rows, classes, 3).
        classes: the names of these classes, of the labels.
    """

    main_metric: str
    flat: Callable[[Sequence[str], Gold, Gold], Flat]
    scores: Callable[[list[str], list[str], Gold, Gold], dict[str, float]]
    counts: Callable[[Sequence[str], Gold, Gold], Counts]
    classes: Callable[[Sequence[str]], Sequence[str]]


def _scorer(task: Task, labels: Sequence[str]) -> _Scorer:
    return _SPANS if task.of_words and marks_spans(labels) else _SCORERS[task]


def _flat_labels(labels: Sequence[str], gold: Gold, predicted: Gold) -> Flat:
    _check_rows(gold, predicted)
    return _known(labels, list(cast(Sequence[str], gold)), list(cast(Sequence[str], predicted)))


def _flat_tags(labels: Sequence[str], gold: Gold, predicted: Gold) -> Flat:
    _check_rows(gold, predicted)
    for row, (tags, guesses) in enumerate(zip(gold, predicted, strict=True)):
        if len(tags) != len(guesses):
            raise ValueError(f"row {row}: {len(tags)} gold tags, {len(guesses)} predicted tags")
    return _known(labels, list(chain.from_iterable(gold)), list(chain.from_iterable(predicted)))


def _flat_sets(labels: Sequence[str], gold: Gold, predicted: Gold) -> Flat:
    _check_rows(gold, predicted)
    return _known(labels, list(chain.from_iterable(gold)), list(chain.from_iterable(predicted)))


def _flat_values(labels: Sequence[str], gold: Gold, predicted: Gold) -> Flat:
    flat = _flat_tags(labels, gold, predicted)
    if any(aspect_of(one) != aspect_of(other) for one, other in zip(*flat, strict=True)):
        raise ValueError("gold and predicted values are of different aspects, or in another order")
    return list(map(value_of, flat[0])), list(map(value_of, flat[1]))


def _check_rows(gold: Gold, predicted: Gold) -> None:
    if len(gold) != len(predicted) or not len(gold):
        raise ValueError(f"{len(gold)} gold rows, {len(predicted)} predicted rows; need as many, and at least one")


def _known(labels: Sequence[str], gold: list[str], predicted: list[str]) -> Flat:
    unknown = set(gold).union(predicted).difference(labels)
    if unknown:
        raise ValueError(f"labels {sorted(unknown)} are not among {list(labels)}")
    return gold, predicted


def _label_scores(flat_gold: list[str], flat_predicted: list[str], gold: Gold, predicted: Gold) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, f1_score

    return {
        "f1_macro": float(f1_score(flat_gold, flat_predicted, average="macro", zero_division=0)),
        "accuracy": float(accuracy_score(flat_gold, flat_predicted)),
    }


def _set_scores(flat_gold: list[str], flat_predicted: list[str], gold: Gold, predicted: Gold) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.preprocessing import MultiLabelBinarizer

    labels = sorted({*flat_gold, *flat_predicted})
    if not labels:  # nothing is expected, and nothing said
        return {"f1_macro": 0.0, "f1_micro": 0.0, "subset_accuracy": 1.0}
    marks = [MultiLabelBinarizer(classes=labels).fit_transform(rows) for rows in (gold, predicted)]
    return {
        "f1_macro": float(f1_score(*marks, average="macro", zero_division=0)),
        "f1_micro": float(f1_score(*marks, average="micro", zero_division=0)),
        "subset_accuracy": float(accuracy_score(*marks)),
    }


def _aspect_scores(flat_gold: list[str], flat_predicted: list[str], gold: Gold, predicted: Gold) -> dict[str, float]:
    from sklearn.metrics import f1_score

    columns = zip(zip(*gold, strict=True), zip(*predicted, strict=True), strict=True)
    by_aspect = [f1_score(wanted, guessed, average="macro", zero_division=0) for wanted, guessed in columns]
    pooled = _label_scores(flat_gold, flat_predicted, gold, predicted)
    return {**pooled, "f1_aspects": float(np.mean(by_aspect))}


def _span_scores(flat_gold: list[str], flat_predicted: list[str], gold: Gold, predicted: Gold) -> dict[str, float]:
    from seqeval.metrics import f1_score as span_f1
    from seqeval.metrics.sequence_labeling import get_entities
    from sklearn.metrics import accuracy_score

    spans = [[list(row) for row in rows] for rows in (gold, predicted)]
    # seqeval has no mean over no types
    f1 = partial(span_f1, *spans, zero_division=0) if any(map(get_entities, spans)) else lambda average: 0.0
    return {
        "f1_entity_macro": float(f1(average="macro")),
        "f1_entity_micro": float(f1(average="micro")),
        "accuracy": float(accuracy_score(flat_gold, flat_predicted)),
    }


def _label_counts(labels: Sequence[str], gold: Gold, predicted: Gold) -> Counts:
    """(rows, labels, 3): how often each label is right, predicted, gold in each row, a text or a sentence."""
    index = {label: place for place, label in enumerate(labels)}
    named = [[[names] if isinstance(names, str) else names for names in rows] for rows in (gold, predicted)]
    wanted, guessed = (np.array([index[name] for names in rows for name in names], dtype=np.int64) for rows in named)
    rows = np.repeat(np.arange(len(gold)), [len(names) for names in named[0]])
    right = wanted == guessed
    counts = np.zeros((len(gold), len(labels), 3), dtype=np.int64)
    for kind, (where, which) in enumerate(((rows[right], wanted[right]), (rows, guessed), (rows, wanted))):
        np.add.at(counts[..., kind], (where, which), 1)
    return counts


def _set_counts(labels: Sequence[str], gold: Gold, predicted: Gold) -> Counts:
    """As `_label_counts`, of rows with any number of labels."""
    index = {label: place for place, label in enumerate(labels)}
    counts = np.zeros((len(gold), len(labels), 3), dtype=np.int64)
    for row, (wanted, guessed) in enumerate(zip(map(set, gold), map(set, predicted), strict=True)):
        for kind, names in enumerate((wanted & guessed, guessed, wanted)):
            counts[row, [index[name] for name in names], kind] = 1
    return counts


def _value_counts(labels: Sequence[str], gold: Gold, predicted: Gold) -> Counts:
    """As `_label_counts`, of the values, over all aspects."""
    values = [[[value_of(name) for name in row] for row in rows] for rows in (gold, predicted)]
    return _label_counts(_values(labels), *values)


def _span_counts(labels: Sequence[str], gold: Gold, predicted: Gold) -> Counts:
    """(rows, entity types, 3): how many spans of each type are right, predicted, gold in each row."""
    from seqeval.metrics.sequence_labeling import get_entities

    types = {name: place for place, name in enumerate(_types(labels))}
    counts = np.zeros((len(gold), len(types), 3), dtype=np.int64)
    for row, (tags, guesses) in enumerate(zip(gold, predicted, strict=True)):
        wanted, guessed = set(get_entities(list(tags))), set(get_entities(list(guesses)))
        for kind, spans in enumerate((wanted & guessed, guessed, wanted)):
            for name, _, _ in spans:
                counts[row, types[name], kind] += 1
    return counts


def _types(labels: Sequence[str]) -> list[str]:
    """The entity types that tags mark spans of."""
    return sorted({label[2:] for label in labels if label[1:2] == "-"})


def _values(labels: Sequence[str]) -> list[str]:
    """The different values of all aspects."""
    return list(dict.fromkeys(map(value_of, labels)))


def _labels(labels: Sequence[str]) -> Sequence[str]:
    return labels


_SCORERS: Mapping[Task, _Scorer] = {
    Task.TEXT: _Scorer("f1_macro", _flat_labels, _label_scores, _label_counts, _labels),
    Task.MULTI_LABEL: _Scorer("f1_macro", _flat_sets, _set_scores, _set_counts, _labels),
    Task.ASPECTS: _Scorer("f1_macro", _flat_values, _aspect_scores, _value_counts, _values),
    Task.TOKEN: _Scorer("f1_macro", _flat_tags, _label_scores, _label_counts, _labels),
}
_SPANS = _Scorer("f1_entity_macro", _flat_tags, _span_scores, _span_counts, _types)
