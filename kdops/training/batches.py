"""Encoded texts, labels and teacher logits, sliced into padded batches of texts of similar length."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import gcd
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from kdops.data.encoding import Encoded

_POOL_BATCHES = 64
_GROUPS, _FEW_POOLS = 4, 4
_PASS_TOKENS = 64
_CPU_TOKENS, _GPU_TOKENS = 2_048, 65_536


class TeacherLogits(Protocol):
    """A source of class scores for the units of a training set: a trained encoder, a mean of several, a file.

    A *unit* is what gets one label: a text, or a word of it. Log-probabilities are logits too.
    """

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """The logits of the units of some rows, float32 (units, classes); NaN where the teacher has none."""


@dataclass(frozen=True)
class TrainingSet:
    """A training set: rows, a label for each unit, and the teacher's logits where there is a teacher."""

    encoded: Encoded
    labels: np.ndarray
    teacher_logits: TeacherLogits | None = None

    def __len__(self) -> int:
        return len(self.encoded)


@dataclass(frozen=True)
class Batch:
    """Padded rows and their units.

    Attributes:
        input_ids: int64 (batch, length).
        attention_mask: int64 (batch, length).
        unit_rows: row of each unit, int64 (units,).
        unit_positions: position of each unit in its row, int64 (units,).
        labels: int64 (units,).
        teacher_logits: float32 (units, classes), NaN where the teacher has none; or None.
    """

    input_ids: Tensor
    attention_mask: Tensor
    unit_rows: Tensor
    unit_positions: Tensor
    labels: Tensor
    teacher_logits: Tensor | None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if value is not None}
        return replace(self, **moved)

    def of_units(self, logits: Tensor) -> Tensor:
        """The logits of the units, (units, classes), from a model's (batch, [length,] classes)."""
        return logits if logits.dim() == 2 else logits[self.unit_rows, self.unit_positions]


def make_batch(data: TrainingSet, rows: np.ndarray, pad_id: int, *, spare_up_to: int = 0) -> Batch:
    """The batch of some rows, padded to the longest of them.

    Args:
        data: what has the rows.
        rows: their numbers.
        pad_id: padding token.
        spare_up_to: rows may be padded a little more, up to this many tokens: to multiples
            of 2 beyond 16, of 4 beyond 32, and so on. Each length takes memory of its own, for kernels and holes
            between buffers: 40 lengths and not 128 take 70 to 130 MB less of a student's training.
    """
    encoded = data.encoded
    lengths = _sizes(encoded.row_starts, rows)
    longest = int(lengths.max())
    columns = np.arange(max(longest, min(_coarse(longest), spare_up_to)))
    real = columns < lengths[:, None]
    ids = np.full(real.shape, pad_id, dtype=np.int64)
    ids[real] = encoded.ids[_ranges(encoded.row_starts[rows], lengths)]
    counts = _sizes(encoded.unit_starts, rows)
    units = _ranges(encoded.unit_starts[rows], counts)
    return Batch(
        input_ids=torch.from_numpy(ids),
        attention_mask=torch.from_numpy(real.astype(np.int64)),
        unit_rows=torch.from_numpy(np.repeat(np.arange(len(rows)), counts)),
        unit_positions=torch.from_numpy(encoded.unit_positions[units].astype(np.int64)),
        labels=torch.from_numpy(data.labels[units]),
        teacher_logits=None if data.teacher_logits is None else torch.from_numpy(data.teacher_logits.gather(rows)),
    )


def training_order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[list[np.ndarray]]:
    """The steps of one epoch, each as groups of rows of similar length, which are padded by themselves.

    With many rows a step is one group. With few rows one group per step would bring the same few texts together in each
    epoch, and labels go with length: so a step is several groups of different lengths, which costs some time and
    teaches as well as rows drawn at random. On 1,000 reviews a BiLSTM reached a macro F1 of 0.70 in 15 epochs, 0.69
    with random rows, 0.66 with one group per step. On 11,000 reviews it is within a point of random rows. Groups of
    nearly the same length become one.

    The order depends on `seed` and `epoch` alone, so that training can go on in the middle of an epoch.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    pool_size = batch_size * _POOL_BATCHES
    groups_a_step = gcd(batch_size, _GROUPS) if len(lengths) < _FEW_POOLS * pool_size else 1
    size = batch_size // groups_a_step
    groups = []
    for pool in (order[start : start + pool_size] for start in range(0, len(order), pool_size)):
        in_order = pool[np.argsort(lengths[pool], kind="stable")]
        groups += [in_order[start : start + size] for start in range(0, len(pool), size)]
    random.shuffle(groups)
    steps = [groups[start : start + groups_a_step] for start in range(0, len(groups), groups_a_step)]
    return [_joined(step, lengths) for step in steps]


def _joined(groups: list[np.ndarray], lengths: np.ndarray) -> list[np.ndarray]:
    """The groups from short to long, joined where a few more tokens of padding bring them to one length.

    On a CPU a forward pass has a fixed cost: that of 57 tokens for a teacher of 12 layers, of 250 for a CNN.
    """
    first, *others = sorted(groups, key=lambda rows: int(lengths[rows].max()))
    joined = [first]
    for rows in others:
        padding = len(joined[-1]) * (lengths[rows].max() - lengths[joined[-1]].max())
        if padding <= _PASS_TOKENS:
            joined[-1] = np.concatenate([joined[-1], rows])
        else:
            joined.append(rows)
    return joined


def by_length(lengths: np.ndarray, device: torch.device) -> Iterator[np.ndarray]:
    """All rows once, longest first, for forward passes without training.

    Each batch holds texts of similar length, at least one, and about as many padded tokens as any other: more tokens
    would not be faster on a CPU, and fewer would not fill a GPU.
    """
    order = np.argsort(-lengths, kind="stable")
    tokens = _CPU_TOKENS if device.type == "cpu" else _GPU_TOKENS
    start = 0
    while start < len(order):
        end = start + max(1, tokens // int(lengths[order[start]]))
        yield order[start:end]
        start = end


def _coarse(length: int) -> int:
    step = 1 << max(0, (length - 1).bit_length() - 4)
    return -(-length // step) * step


def _sizes(starts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The same as `np.diff(starts)[rows]`, at a cost that grows with the chosen rows only."""
    sizes: np.ndarray = starts[rows + 1] - starts[rows]
    return sizes


def _ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The concatenation of `arange(start, start + count)` for each pair."""
    ends = np.cumsum(counts)
    ranges: np.ndarray = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts)
    return ranges
