"""Encoded texts without a tokenizer, and models small enough to train in a blink."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kdops.data.encoding import Encoded

MakeEncoded = Callable[..., Encoded]


class CountingTeacher(nn.Module):
    """Logits that follow from each token and its row, and a count of the rows that were asked for."""

    def __init__(self, pieces: int, classes: int, *, per_token: bool) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.table = nn.Parameter(torch.randn(pieces, classes, generator=generator))
        self.per_token = per_token
        self.rows = 0
        self.calls = 0
        self.fail_at_call: int | None = None

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.fail_at_call:
            raise RuntimeError("the power went out")
        self.rows += len(input_ids)
        assert not self.training
        each = self.table[input_ids] * attention_mask.unsqueeze(-1)
        whole = each.sum(dim=1)
        return each + whole.unsqueeze(1) if self.per_token else whole


@pytest.fixture
def counting_teacher() -> type[CountingTeacher]:
    return CountingTeacher


@pytest.fixture
def make_encoded() -> MakeEncoded:
    """Rows of token ids as `Encoded`; without positions each row is one unit at position 0."""

    def make(rows: Sequence[Sequence[int]], positions: Sequence[Sequence[int]] | None = None) -> Encoded:
        units = positions if positions is not None else [[0]] * len(rows)
        return Encoded(
            ids=np.array([one for row in rows for one in row], dtype=np.int32),
            row_starts=np.cumsum([0, *map(len, rows)]),
            unit_positions=np.array([one for row in units for one in row], dtype=np.int32),
            unit_words=np.array([word for row in units for word in range(len(row))], dtype=np.int32),
            unit_starts=np.cumsum([0, *map(len, units)]),
        )

    return make
