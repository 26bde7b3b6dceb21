from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from kdops.data.encoding import Encoded
from kdops.training.batches import TrainingSet, by_length, make_batch, training_order

ROWS = [[5, 6, 7], [8], [9, 10], [11, 12, 13, 14]]
POSITIONS = [[0, 2], [], [1], [0, 1, 3]]
LABELS = np.array([1, 2, 3, 4, 5, 6])


class RowNumbers:
    """Signals that say which units they belong to."""

    def __init__(self, encoded: Encoded) -> None:
        self.encoded = encoded

    def gather(self, rows: np.ndarray) -> np.ndarray:
        starts = self.encoded.unit_starts
        units = [unit for row in rows for unit in range(starts[row], starts[row + 1])]
        return np.array([[unit, -unit] for unit in units], dtype=np.float32).reshape(-1, 2)


@pytest.fixture
def encoded(make_encoded: Callable[..., Encoded]) -> Encoded:
    return make_encoded(ROWS, POSITIONS)


def test_rows_are_padded_at_the_end_to_the_longest_of_the_batch(encoded: Encoded) -> None:
    batch = make_batch(TrainingSet(encoded, LABELS), np.array([2, 0, 1]), pad_id=99)
    assert batch.input_ids.tolist() == [[9, 10, 99], [5, 6, 7], [8, 99, 99]]
    assert batch.attention_mask.tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 0]]
    assert batch.input_ids.dtype == batch.attention_mask.dtype == torch.int64


@pytest.mark.parametrize(("longest", "padded"), [(1, 1), (16, 16), (17, 18), (33, 36), (65, 72), (97, 100), (128, 128)])
def test_spare_padding_makes_lengths_few_and_no_row_longer_than_any(
    longest: int, padded: int, make_encoded: Callable[..., Encoded]
) -> None:
    data = TrainingSet(make_encoded([[7] * longest, [8]]), np.arange(2))

    batch = make_batch(data, np.array([1, 0]), pad_id=9, spare_up_to=max(100, longest))

    assert batch.input_ids.tolist() == [[8] + [9] * (padded - 1), [7] * longest + [9] * (padded - longest)]
    assert batch.attention_mask.sum(dim=1).tolist() == [1, longest]


def test_units_labels_and_signals_stay_together(encoded: Encoded) -> None:
    data = TrainingSet(encoded, LABELS, RowNumbers(encoded))
    batch = make_batch(data, np.array([3, 1, 0]), pad_id=0)
    assert batch.unit_rows.tolist() == [0, 0, 0, 2, 2]
    assert batch.unit_positions.tolist() == [0, 1, 3, 0, 2]
    assert batch.labels.tolist() == [4, 5, 6, 1, 2]
    assert batch.teacher_logits is not None
    assert batch.teacher_logits[:, 0].tolist() == [3, 4, 5, 0, 1]


def test_a_batch_may_have_no_units(encoded: Encoded) -> None:
    batch = make_batch(TrainingSet(encoded, LABELS), np.array([1]), pad_id=0)
    assert batch.input_ids.tolist() == [[8]]
    assert len(batch.labels) == 0
    assert batch.of_units(torch.zeros(1, 1, 3)).shape == (0, 3)


def test_of_units_picks_positions_of_rows(encoded: Encoded) -> None:
    batch = make_batch(TrainingSet(encoded, LABELS), np.array([0, 2]), pad_id=0)
    logits = torch.tensor([[[10 * row + column] for column in range(3)] for row in range(2)])
    assert batch.of_units(logits).flatten().tolist() == [0, 2, 11]


def test_of_units_takes_logits_of_whole_texts_as_they_are(make_encoded: Callable[..., Encoded]) -> None:
    batch = make_batch(TrainingSet(make_encoded(ROWS), np.arange(4)), np.array([3, 1]), pad_id=0)
    logits = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert batch.of_units(logits) is logits
    assert batch.labels.tolist() == [3, 1]


def test_moving_a_batch_keeps_everything(encoded: Encoded) -> None:
    batch = make_batch(TrainingSet(encoded, LABELS), np.array([0, 2]), pad_id=0)
    moved = batch.to(torch.device("meta"))
    assert moved.teacher_logits is None
    assert {name: value.shape for name, value in vars(moved).items() if value is not None} == {
        name: value.shape for name, value in vars(batch).items() if value is not None
    }
    assert moved.labels.device.type == "meta"


def joined(steps: list[list[np.ndarray]]) -> np.ndarray:
    return np.concatenate([rows for groups in steps for rows in groups])


@pytest.mark.parametrize(("rows", "batch_size"), [(1, 8), (8, 8), (100, 7), (100, 6), (3_000, 16)])
def test_an_epoch_covers_every_row_once(rows: int, batch_size: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 60, rows)
    steps = training_order(lengths, batch_size, seed=3, epoch=1)
    assert len(steps) == -(-rows // batch_size)
    sizes = [sum(len(group) for group in groups) for groups in steps]
    assert max(sizes) <= batch_size
    assert sum(size == batch_size for size in sizes) >= len(steps) - 2  # the last step, and that of the odd group
    assert_array_equal(np.sort(joined(steps)), np.arange(rows))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 200)
    order = joined(training_order(lengths, 8, seed=1, epoch=2))
    np.random.default_rng(5).random(100)
    torch.manual_seed(123)
    np.random.seed(9)  # noqa: NPY002  (the global state must not matter)
    assert_array_equal(joined(training_order(lengths, 8, seed=1, epoch=2)), order)
    for seed, epoch in [(1, 3), (2, 2), (2, 1)]:
        assert not np.array_equal(joined(training_order(lengths, 8, seed=seed, epoch=epoch)), order)


@pytest.mark.parametrize(("rows", "groups_a_step"), [(2_000, 4), (9_000, 1)])
def test_groups_hold_texts_of_similar_length_and_the_steps_of_few_rows_any(rows: int, groups_a_step: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 100, rows)
    steps = training_order(lengths, 32, seed=1, epoch=1)
    assert max(len(groups) for groups in steps) == groups_a_step
    assert np.mean([np.ptp(lengths[group]) for groups in steps for group in groups]) < 2
    spread = np.mean([np.ptp(lengths[np.concatenate(groups)]) for groups in steps])
    assert (spread > 50) == (groups_a_step > 1)
    means = np.array([lengths[np.concatenate(groups)].mean() for groups in steps])
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.5


def test_a_step_of_texts_of_about_one_length_is_one_batch() -> None:
    random = np.random.default_rng(0)
    alike, spread = random.integers(20, 23, 1_000), random.integers(1, 100, 1_000)
    assert {len(groups) for groups in training_order(alike, 32, seed=1, epoch=1)} == {1}
    steps = training_order(spread, 32, seed=1, epoch=1)
    assert {1, 2, 3, 4} >= {len(groups) for groups in steps} > {3, 4}
    padding = [(spread[rows].max() - spread[rows]).sum() for groups in steps for rows in groups]
    assert max(padding) < 3 * 64 + 32


def test_by_length_gives_every_row_once_longest_first() -> None:
    lengths = np.random.default_rng(1).integers(1, 129, 1_000)
    batches = list(by_length(lengths, torch.device("cpu")))
    rows = np.concatenate(batches)
    assert sorted(rows) == list(range(1_000))
    assert (np.diff(lengths[rows]) <= 0).all()
    padded = [len(batch) * lengths[batch[0]] for batch in batches]
    assert max(padded) <= 2_048
    assert min(padded[:-1]) > 2_048 - 128


def test_by_length_of_no_rows_and_of_a_row_that_alone_is_too_long() -> None:
    cpu = torch.device("cpu")
    assert list(by_length(np.empty(0, dtype=np.int64), cpu)) == []
    assert [batch.tolist() for batch in by_length(np.array([5, 9_000, 6_000]), cpu)] == [[1], [2], [0]]
