import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from kdops.models.bilstm import BiLSTM
from kdops.task import Task

PIECES, CLASSES = 50, 4

rows_strategy = st.lists(st.lists(st.integers(1, PIECES - 1), min_size=1, max_size=23), min_size=1, max_size=9)


def model_of(task: Task, seed: int = 0, *, residual: bool = False) -> BiLSTM:
    torch.manual_seed(seed)
    return BiLSTM(PIECES, CLASSES, task, residual=residual).eval()


def padded(rows: list[list[int]], extra: int = 0, pad_id: int = 0) -> tuple[Tensor, Tensor]:
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=pad_id)
    mask = pad_sequence([torch.ones(len(row), dtype=torch.int64) for row in rows], batch_first=True)
    filler = torch.full((len(rows), extra), pad_id)
    return torch.cat([ids, filler], dim=1), torch.cat([mask, torch.zeros_like(filler)], dim=1)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
@settings(max_examples=12, deadline=None, derandomize=True)
@given(rows=rows_strategy, extra=st.integers(0, 9), pad_id=st.integers(0, PIECES - 1))
def test_logits_do_not_depend_on_neighbours_or_padding(
    task: Task, residual: bool, rows: list[list[int]], extra: int, pad_id: int
) -> None:
    model = model_of(task, residual=residual)
    with torch.inference_mode():
        together = model(*padded(rows, extra, pad_id))
        for row, logits in zip(rows, together, strict=True):
            alone = model(*padded([row]))[0]
            mine = logits if task is Task.TEXT else logits[: len(row)]
            torch.testing.assert_close(mine, alone, atol=1e-6, rtol=1e-5)


def packed_reference(model: BiLSTM, ids: Tensor, mask: Tensor) -> Tensor:
    """The same network from PyTorch's own parts: a packed bidirectional LSTM, then attention with keys and values."""
    size = model.forward_lstm.hidden_size
    lstm = nn.LSTM(model.embedding.embedding_dim, size, batch_first=True, bidirectional=True).double()
    weights = dict(model.forward_lstm.named_parameters())
    weights |= {f"{name}_reverse": value for name, value in model.backward_lstm.named_parameters()}
    lstm.load_state_dict(weights)
    lengths = mask.sum(dim=1)
    packed = pack_padded_sequence(model.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
    states, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=ids.shape[1])
    queries, keys, values = model.query(states), model.key(states), model.value(states)
    scores = queries @ keys.transpose(1, 2) / (2 * size) ** 0.5
    weights_of_positions = scores.masked_fill(mask[:, None] == 0, float("-inf")).softmax(dim=-1)
    attended = model.output(weights_of_positions @ values)
    logits: Tensor = model.classifier(attended + states if model.residual else attended)
    return logits[:, 0] if model.task is Task.TEXT else logits


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
@settings(max_examples=8, deadline=None, derandomize=True)
@given(rows=rows_strategy, seed=st.integers(0, 5))
def test_equals_a_packed_bidirectional_lstm_with_plain_attention(
    task: Task, residual: bool, rows: list[list[int]], seed: int
) -> None:
    model = model_of(task, seed, residual=residual).double()
    # Attention weights far from uniform, so that a wrong one shows.
    nn.init.normal_(model.query.weight)
    nn.init.normal_(model.key.weight)
    ids, mask = padded(rows, extra=2)
    expected, actual = packed_reference(model, ids, mask), model(ids, mask)
    real = mask.bool() if task is Task.TOKEN else torch.ones(len(rows), dtype=torch.bool)
    torch.testing.assert_close(actual[real], expected[real], atol=1e-10, rtol=0)
