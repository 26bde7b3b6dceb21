"""Losses, thresholds and predictions of several answers per text; golden values by scikit-learn and SciPy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax
from sklearn.metrics import f1_score, log_loss

from kdops.data.encoding import Encoded
from kdops.task import Task, head_sizes
from kdops.training.losses import NO_LABEL, DistillationObjective, GoldObjective, Heads, gold_loss, kl_loss
from kdops.training.scoring import LabeledTexts, best_thresholds

LABELS = ("a", "b", "c")
VALUES = ("food:bad", "food:good", "food:none", "staff:good", "staff:none")
rng = np.random.default_rng(0)
LOGITS, THEIRS = rng.normal(size=(6, 5)), rng.normal(size=(6, 5))


def test_the_gold_loss_of_several_labels_is_the_mean_log_loss_of_each() -> None:
    marks = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    expected = np.mean([log_loss(marks[:, one], expit(LOGITS[:, one])) for one in range(3)])
    heads = Heads(head_sizes(Task.MULTI_LABEL, LABELS))
    loss = gold_loss(torch.tensor(LOGITS[:, :3]), torch.tensor(marks), heads)
    assert loss.item() == pytest.approx(expected, abs=1e-12)
    unlabeled = torch.cat([torch.tensor(marks), torch.full((2, 3), NO_LABEL)])
    more = torch.cat([torch.tensor(LOGITS[:, :3]), torch.ones(2, 3, dtype=torch.float64)])
    assert gold_loss(more, unlabeled, heads).item() == pytest.approx(expected, abs=1e-12)


def test_the_gold_loss_of_aspects_is_the_mean_log_loss_of_each() -> None:
    food, staff = np.array([0, 1, 2, 2, 1, 0]), np.array([0, 1, 1, 0, 1, 1])
    marks = np.concatenate([np.eye(3)[food], np.eye(2)[staff]], axis=1).astype(np.int64)
    expected = (log_loss(food, softmax(LOGITS[:, :3], 1)) + log_loss(staff, softmax(LOGITS[:, 3:], 1))) / 2
    heads = Heads(head_sizes(Task.ASPECTS, VALUES))
    assert heads.sizes == (3, 2)
    assert gold_loss(torch.tensor(LOGITS), torch.tensor(marks), heads).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_kl_is_the_mean_over_the_heads(temperature: float) -> None:
    def kl(theirs: np.ndarray, ours: np.ndarray) -> float:
        one, other = log_softmax(theirs / temperature, 1), log_softmax(ours / temperature, 1)
        return float(temperature**2 * np.mean(np.sum(np.exp(one) * (one - other), axis=1)))

    zeros = np.zeros(6)
    yes_or_no = [(np.stack([zeros, THEIRS[:, k]], 1), np.stack([zeros, LOGITS[:, k]], 1)) for k in range(5)]
    aspects = [(THEIRS[:, :3], LOGITS[:, :3]), (THEIRS[:, 3:], LOGITS[:, 3:])]
    for sizes, parts in (((1,) * 5, yes_or_no), ((3, 2), aspects)):
        loss = kl_loss(torch.tensor(LOGITS), torch.tensor(THEIRS), temperature, Heads(sizes))
        assert loss.item() == pytest.approx(np.mean([kl(*part) for part in parts]), abs=1e-12)


def test_objectives_use_the_heads() -> None:
    heads, marks = Heads((1, 1, 1)), torch.tensor([[1, 0, 1], [NO_LABEL] * 3])
    ours, theirs = torch.tensor(LOGITS[:2, :3]), torch.tensor(THEIRS[:2, :3])
    gold = gold_loss(ours, marks, heads)
    assert GoldObjective(heads)(ours, marks, None).loss == gold
    terms = DistillationObjective("kl", 0.25, 2.0, heads)(ours, marks, theirs)
    assert terms.loss.item() == pytest.approx(0.25 * gold.item() + 0.75 * kl_loss(ours, theirs, 2.0, heads).item())


def test_thresholds_have_the_best_f1_of_all() -> None:
    generator = np.random.default_rng(1)
    gold = (generator.random((80, 4)) < [0.1, 0.5, 0.9, 0.0]).astype(np.int64)
    logits = (gold * 1.5 + generator.normal(size=gold.shape) - 1).astype(np.float32)
    thresholds = best_thresholds(logits, gold)
    assert thresholds[3] == 0.5
    for label in range(3):
        chances = expit(logits[:, label].astype(np.float64))

        def f1(threshold: float, label: int = label, chances: np.ndarray = chances) -> float:
            return float(f1_score(gold[:, label], chances >= threshold, zero_division=0))

        assert f1(thresholds[label]) == pytest.approx(max(map(f1, np.unique(chances))))
        assert np.abs(chances - thresholds[label]).min() > 1e-5


def test_predictions_of_several_labels_and_of_aspects(make_encoded: Callable[..., Encoded]) -> None:
    encoded = make_encoded([[1], [1], [1]])
    logits = np.array([[2.0, -2.0, 0.1], [-1.0, -1.0, -1.0], [0.0, 3.0, 0.5]], dtype=np.float32)
    texts = LabeledTexts(encoded, [["a"], [], ["b", "c"]], Task.MULTI_LABEL, LABELS, pad_id=0)
    assert texts.named(logits) == [["a", "c"], [], ["a", "b", "c"]]
    assert texts.named(logits, texts.thresholds(logits)) == [["a"], [], ["b", "c"]]
    aspects = LabeledTexts(encoded, [["food:bad", "staff:none"]] * 3, Task.ASPECTS, VALUES, pad_id=0)
    wide = np.array([[2, 1, 0, 5, 6], [0, 1, 0, 9, 0], [0, 0, 1, 0, 1]], dtype=np.float32)
    assert aspects.named(wide) == [["food:bad", "staff:none"], ["food:good", "staff:good"], ["food:none", "staff:none"]]
    assert aspects.thresholds(wide) == ()
