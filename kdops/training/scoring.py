"""A model's predictions and scores on labeled texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from kdops.data.encoding import Encoded
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
        classes = self._classes(model)
        if self.task is Task.TEXT:
            return [self.labels[index] for index in classes]
        unread = OUTSIDE if OUTSIDE in self.labels else self.labels[0]
        tags = [[unread] * len(words) for words in self.gold]
        rows = np.repeat(np.arange(len(self.encoded)), self.encoded.unit_counts)
        for row, word, index in zip(rows, self.encoded.unit_words, classes, strict=True):
            tags[row][word] = self.labels[index]
        return tags

    def _classes(self, model: nn.Module) -> np.ndarray:
        data = TrainingSet(self.encoded, np.full(len(self.encoded.unit_positions), NO_LABEL))
        device = next(model.parameters()).device
        classes = np.empty(len(self.encoded.unit_positions), dtype=np.int64)
        model.eval()
        for rows in by_length(self.encoded.lengths, device):
            batch = make_batch(data, rows, self.pad_id).to(device)
            with torch.inference_mode():
                best = batch.of_units(model(batch.input_ids, batch.attention_mask)).argmax(dim=-1)
            units = [np.arange(self.encoded.unit_starts[row], self.encoded.unit_starts[row + 1]) for row in rows]
            classes[np.concatenate(units)] = best.cpu().numpy()
        return classes
