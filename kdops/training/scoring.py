"""A model's predictions and scores on labeled texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.special import expit
from tokenizers import Tokenizer
from torch import nn

from kdops.data.corpus import Corpus
from kdops.data.encoding import Encoded, encode
from kdops.data.tag_paths import best_path
from kdops.metrics import score
from kdops.progress import Bar
from kdops.task import Task, head_sizes
from kdops.training.batches import TrainingSet, by_length, make_batch
from kdops.training.losses import NO_LABEL
from kdops.training.values import Thresholds

OUTSIDE = "O"
_NARROWEST_GAP = 1e-3
"""The least gap between two logits on both sides of a threshold; a model and its ONNX graph differ by a tenth of it."""


@dataclass(frozen=True)
class LabeledTexts:
    """Encoded texts with their gold labels, for scoring.

    Attributes:
        encoded: the texts in the tokens of the model that is scored.
        gold: one label per text, or one tag per word.
        task: the task.
        labels: all labels, in the order of the model's classes.
        pad_id: the padding token.
        agreement: whether the gold labels are a teacher's; see `kdops.metrics.score`.
    """

    encoded: Encoded
    gold: Sequence[str] | Sequence[Sequence[str]]
    task: Task
    labels: tuple[str, ...]
    pad_id: int
    agreement: bool = False

    def scores(self, model: nn.Module) -> dict[str, float]:
        """All metrics of the task for a model that maps (input_ids, attention_mask) to logits.

        Where labels have thresholds, with those that suit these very texts: they are for choosing, not for judging.
        """
        return self._scores(self.logits(model))

    def predictions(self, model: nn.Module, thresholds: Thresholds = ()) -> list[str] | list[list[str]]:
        """The predictions of a model for each text; see `named`."""
        return self.named(self.logits(model), thresholds)

    def named(self, logits: np.ndarray, thresholds: Thresholds = ()) -> list[str] | list[list[str]]:
        """Turn logits into predictions: for each text its label, labels, values of all aspects, or a tag for each word.

        Words that were cut off count as outside any span.

        Args:
            logits: of all units, (units, classes).
            thresholds: the least probability at which each label is predicted; empty: 0.5 for all.
        """
        return _NAMED[self.task](self, logits, thresholds)

    def thresholds(self, logits: np.ndarray) -> Thresholds:
        """The threshold of each label with the best F1 on these texts; empty where labels exclude each other."""
        if self.task is not Task.MULTI_LABEL:
            return ()
        return best_thresholds(logits, _one_hot(self.labels, self.gold))

    def _scores(self, logits: np.ndarray) -> dict[str, float]:
        predicted = self.named(logits, self.thresholds(logits))
        return score(self.task, self.labels, self.gold, predicted, agreement=self.agreement)

    def logits(self, model: nn.Module) -> np.ndarray:
        """The model's logits of all units, float32 (units, classes)."""
        data = TrainingSet(self.encoded, np.full(len(self.encoded.unit_positions), NO_LABEL))
        device = next(model.parameters()).device
        logits = np.empty((len(self.encoded.unit_positions), len(self.labels)), dtype=np.float32)
        model.eval()
        with torch.inference_mode(), Bar(len(self.encoded.lengths), "scoring", "texts") as progress:
            for rows in by_length(self.encoded.lengths, device):
                batch = make_batch(data, rows, self.pad_id).to(device)
                outputs = batch.of_units(model(batch.input_ids, batch.attention_mask)).float()
                units = [np.arange(self.encoded.unit_starts[row], self.encoded.unit_starts[row + 1]) for row in rows]
                logits[np.concatenate(units)] = outputs.cpu().numpy()
                progress.update(len(rows))
        return logits


def _label_of_each(texts: LabeledTexts, logits: np.ndarray, thresholds: Thresholds) -> list[str]:
    return [texts.labels[index] for index in logits.argmax(axis=-1)]


def _labels_of_each(texts: LabeledTexts, logits: np.ndarray, thresholds: Thresholds) -> list[list[str]]:
    predicted = expit(logits.astype(np.float64)) >= (np.array(thresholds) if thresholds else 0.5)
    return [[texts.labels[index] for index in np.flatnonzero(row)] for row in predicted]


def _aspects_of_each(texts: LabeledTexts, logits: np.ndarray, thresholds: Thresholds) -> list[list[str]]:
    ends = np.cumsum(head_sizes(texts.task, texts.labels))
    heads = zip([0, *ends[:-1]], ends, strict=True)
    best = np.stack([start + logits[:, start:end].argmax(axis=-1) for start, end in heads], axis=-1)
    return [[texts.labels[index] for index in row] for row in best]


def _tags_of_each(texts: LabeledTexts, logits: np.ndarray, thresholds: Thresholds) -> list[list[str]]:
    unread = OUTSIDE if OUTSIDE in texts.labels else texts.labels[0]
    tags = [[unread] * len(words) for words in texts.gold]
    starts = texts.encoded.unit_starts
    for row, (start, end) in enumerate(pairwise(starts)):
        path = best_path(texts.labels, logits[start:end])
        for word, index in zip(texts.encoded.unit_words[start:end], path, strict=True):
            tags[row][word] = texts.labels[index]
    return tags


_NAMED: Mapping[Task, Callable[[LabeledTexts, np.ndarray, Thresholds], list[str] | list[list[str]]]] = {
    Task.TEXT: _label_of_each,
    Task.MULTI_LABEL: _labels_of_each,
    Task.ASPECTS: _aspects_of_each,
    Task.TOKEN: _tags_of_each,
}
"""The function that turns logits of units into predictions for texts, by task."""


def labeled_texts(corpus: Corpus, split: str, tokenizer: Tokenizer, pad_id: int, max_length: int) -> LabeledTexts:
    """A split in a model's tokens, with its gold labels, for scoring that model."""
    encoded = encode(tokenizer, corpus.inputs(split), corpus.task, max_length)
    return LabeledTexts(
        encoded, corpus.gold(split), corpus.task, corpus.labels, pad_id, agreement=bool(corpus.labeled_by)
    )


def best_thresholds(logits: np.ndarray, gold: np.ndarray) -> Thresholds:
    """The threshold of each label with the highest F1, halfway between two logits; of equal ones the nearest to 0.5.

    The macro F1 is the mean over the labels, so it is highest with these. A label that never stands in gold gets 0.5.

    Args:
        logits: (texts, labels).
        gold: 0 and 1, (texts, labels).
    """
    return tuple(_best_threshold(logits[:, label], gold[:, label]) for label in range(gold.shape[1]))


def _best_threshold(logits: np.ndarray, gold: np.ndarray) -> float:
    order = np.argsort(-logits, kind="stable")
    ranked, right = logits[order].astype(np.float64), np.cumsum(gold[order])
    if not len(right) or not right[-1]:
        return 0.5
    f1 = 2 * right / (np.arange(1, len(right) + 1) + right[-1])
    below = np.append(ranked[1:], ranked[-1] - 2.0)
    places = expit((ranked + below) / 2)
    # The distance from 0.5 decides only between equal F1.
    rated = np.where(ranked - below >= _NARROWEST_GAP, np.round(f1, 12), -1.0)
    best = np.flatnonzero(rated == rated.max())
    return float(places[best[np.argmin(np.abs(places[best] - 0.5))]])


def training_labels(corpus: Corpus, encoded: Encoded) -> np.ndarray:
    """The gold labels of the units of an encoding whose first rows are the texts of train.

    Returns:
        int64 (units,), or where a text has several labels 0 and 1 for each, (units, classes); `NO_LABEL` for the units
        of other rows.
    """
    if corpus.task.several:
        known = _one_hot(corpus.labels, corpus.gold("train"))
    else:
        known = encoded.unit_labels(corpus.gold_classes("train"))
    labels = np.full((len(encoded.unit_positions), *known.shape[1:]), NO_LABEL, dtype=np.int64)
    labels[: len(known)] = known
    return labels


def _one_hot(labels: Sequence[str], gold: Sequence[Sequence[str]]) -> np.ndarray:
    """0 and 1 for each label of each text, int64 (texts, labels)."""
    index = {label: place for place, label in enumerate(labels)}
    marks = np.zeros((len(gold), len(labels)), dtype=np.int64)
    for row, names in enumerate(gold):
        marks[row, [index[name] for name in names]] = 1
    return marks
