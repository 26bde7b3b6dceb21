"""A model's predictions and scores on labeled texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from kdops.data.corpus import Corpus
from kdops.data.encoding import Encoded, encode
from kdops.metrics import score
from kdops.task import Task
from kdops.training.batches import TrainingSet, by_length, make_batch
from kdops.training.losses import NO_LABEL

OUTSIDE = "O"


@dataclass(frozen=True)
class LabeledTexts:
    """Encoded texts with their gold labels, for scoring.

    Attributes:
        encoded: the texts in the tokens of the model that is scored.
        gold: a label a text, or a tag a word.
        task: the task.
        labels: all labels, in the order of the model's classes.
        pad_id: the padding token.
    """

    encoded: Encoded
    gold: Sequence[str] | Sequence[Sequence[str]]
    task: Task
    labels: tuple[str, ...]
    pad_id: int

    def scores(self, model: nn.Module) -> dict[str, float]:
        """All metrics of the task for a model that maps (input_ids, attention_mask) to logits."""
        return score(self.task, self.labels, self.gold, self.predictions(model))

    def predictions(self, model: nn.Module) -> list[str] | list[list[str]]:
        """The most likely label of each text, or tag of each word; words cut off count as outside any span."""
        return _NAMED[self.task](self, self._logits(model))

    def _logits(self, model: nn.Module) -> np.ndarray:
        """The model's logits of all units, float32 (units, classes)."""
        data = TrainingSet(self.encoded, np.full(len(self.encoded.unit_positions), NO_LABEL))
        device = next(model.parameters()).device
        logits = np.empty((len(self.encoded.unit_positions), len(self.labels)), dtype=np.float32)
        model.eval()
        for rows in by_length(self.encoded.lengths, device):
            batch = make_batch(data, rows, self.pad_id).to(device)
            with torch.inference_mode():
                said = batch.of_units(model(batch.input_ids, batch.attention_mask)).float()
            units = [np.arange(self.encoded.unit_starts[row], self.encoded.unit_starts[row + 1]) for row in rows]
            logits[np.concatenate(units)] = said.cpu().numpy()
        return logits


def _label_of_each(texts: LabeledTexts, logits: np.ndarray) -> list[str]:
    return [texts.labels[index] for index in logits.argmax(axis=-1)]


def _tags_of_each(texts: LabeledTexts, logits: np.ndarray) -> list[list[str]]:
    unread = OUTSIDE if OUTSIDE in texts.labels else texts.labels[0]
    tags = [[unread] * len(words) for words in texts.gold]
    rows = np.repeat(np.arange(len(texts.encoded)), texts.encoded.unit_counts)
    for row, word, index in zip(rows, texts.encoded.unit_words, logits.argmax(axis=-1), strict=True):
        tags[row][word] = texts.labels[index]
    return tags


_NAMED: Mapping[Task, Callable[[LabeledTexts, np.ndarray], list[str] | list[list[str]]]] = {
    Task.TEXT: _label_of_each,
    Task.TOKEN: _tags_of_each,
}
"""What is predicted for the texts, by task, of the logits of their units."""


def labeled_texts(corpus: Corpus, split: str, tokenizer: Tokenizer, pad_id: int, max_length: int) -> LabeledTexts:
    """A split in a model's tokens, with its gold labels, for scoring that model."""
    encoded = encode(tokenizer, corpus.inputs(split), corpus.task, max_length)
    return LabeledTexts(encoded, corpus.gold(split), corpus.task, corpus.labels, pad_id)
