from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kdops.data.encoding import Encoded
from kdops.task import Task
from kdops.training import batches
from kdops.training.scoring import LabeledTexts

TAGS = ("B-PER", "I-PER", "O")


class Reader(nn.Module):
    """Predicts the class that a token's id names; a whole text's is that of its last real token."""

    def __init__(self, classes: int, task: Task) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.eye(classes))
        self.task = task

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        assert not self.training
        logits = self.table[input_ids % len(self.table)]
        last = attention_mask.sum(dim=1) - 1
        return logits if self.task is Task.TOKEN else logits[torch.arange(len(last)), last]


@pytest.mark.parametrize("batch_tokens", [1, 6, 64])
def test_labels_of_texts_come_in_their_order(
    make_encoded: Callable[..., Encoded], monkeypatch: pytest.MonkeyPatch, batch_tokens: int
) -> None:
    monkeypatch.setattr(batches, "_CPU_TOKENS", batch_tokens)
    encoded = make_encoded([[0, 0, 2], [1], [0, 0, 0, 0, 1], [2, 0], [1, 2]])
    texts = LabeledTexts(encoded, ["c", "b", "a", "a", "c"], Task.TEXT, ("a", "b", "c"), pad_id=1)
    model = Reader(3, Task.TEXT)
    assert texts.predictions(model) == ["c", "b", "b", "a", "c"]
    assert texts.scores(model)["accuracy"] == pytest.approx(0.8)


@pytest.mark.parametrize("batch_tokens", [1, 6, 64])
def test_tags_of_words_come_in_their_order_and_words_without_a_unit_are_outside(
    make_encoded: Callable[..., Encoded], monkeypatch: pytest.MonkeyPatch, batch_tokens: int
) -> None:
    monkeypatch.setattr(batches, "_CPU_TOKENS", batch_tokens)
    # The first text lost its last word to the maximum length, the third has no word left at all.
    encoded = make_encoded([[9, 0, 1, 9], [9, 2, 2, 0, 9], [9]], [[1, 2], [2, 3], []])
    gold = [["B-PER", "I-PER", "I-PER"], ["O", "B-PER"], ["B-PER"]]
    texts = LabeledTexts(encoded, gold, Task.TOKEN, TAGS, pad_id=0)
    model = Reader(3, Task.TOKEN)
    assert texts.predictions(model) == [["B-PER", "I-PER", "O"], ["O", "B-PER"], ["O"]]
    assert texts.scores(model)["accuracy"] == pytest.approx(4 / 6)


def test_words_without_a_unit_get_the_first_label_where_none_means_outside(
    make_encoded: Callable[..., Encoded],
) -> None:
    texts = LabeledTexts(make_encoded([[9, 1]], [[1]]), [["verb", "noun"]], Task.TOKEN, ("noun", "verb"), pad_id=0)
    assert texts.predictions(Reader(2, Task.TOKEN)) == [["verb", "noun"]]


def test_words_that_vanish_in_the_middle_shift_nothing() -> None:
    # Three words, of which the second has no pieces.
    encoded = Encoded(
        np.array([0, 1], np.int32), np.array([0, 2]), np.array([0, 1], np.int32), np.array([0, 2], np.int32),
        np.array([0, 2]),
    )  # fmt: skip
    texts = LabeledTexts(encoded, [["B-PER", "O", "I-PER"]], Task.TOKEN, TAGS, pad_id=0)
    assert texts.predictions(Reader(3, Task.TOKEN)) == [["B-PER", "O", "I-PER"]]
