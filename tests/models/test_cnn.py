from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from kdops.models.cnn import CNN
from kdops.task import Task

PIECES, CLASSES = 50, 4


def model_of(task: Task, kernel_size: int = 5) -> CNN:
    torch.manual_seed(0)
    return CNN(PIECES, CLASSES, task, channels=16, blocks=3, kernel_size=kernel_size).double().eval()


def reference(model: CNN, ids: Tensor, kernel_size: int) -> Tensor:
    """The same network of one unpadded text, position by position."""
    states = model.embedding(ids) * 4
    for position in range(len(ids)):
        for wave in range(8):
            angle = torch.tensor(position / 10_000 ** (wave / 8))
            states[position, wave] += angle.sin()
            states[position, 8 + wave] += angle.cos()
    for block in model.blocks:
        normed = nn.functional.layer_norm(states, (16,), block.norm.weight, block.norm.bias)
        mixed = nn.Conv1d(16, 16, kernel_size, padding=kernel_size // 2, groups=16, bias=False).double()
        mixed.weight.data = block.depthwise.weight.data.squeeze(2)
        states = states + nn.functional.gelu(block.pointwise(mixed(normed.T.unsqueeze(0))[0].T))
    states = nn.functional.layer_norm(states, (16,), model.norm.weight, model.norm.bias)
    logits: Tensor = model.classifier(states.mean(dim=0) if model.task is Task.TEXT else states)
    return logits


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_equals_plain_convolutions_over_each_text_alone(task: Task, kernel_size: int) -> None:
    model = model_of(task, kernel_size)
    ids = torch.randint(0, PIECES, (4, 20))
    lengths = (20, 1, 4, 11)
    mask = (torch.arange(20) < torch.tensor(lengths)[:, None]).long()
    with torch.inference_mode():
        logits = model(ids, mask)
    with torch.no_grad():
        for row, length in enumerate(lengths):
            actual = logits[row] if task is Task.TEXT else logits[row, :length]
            torch.testing.assert_close(actual, reference(model, ids[row, :length], kernel_size), atol=1e-5, rtol=0)


def test_a_token_sees_its_neighbourhood_and_no_further() -> None:
    model = model_of(Task.TOKEN)
    ids = torch.randint(1, PIECES, (1, 40))
    changed = ids.clone()
    changed[0, 20] = 0
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        differs = (model(ids, mask) != model(changed, mask)).any(dim=-1)[0]
    assert differs.nonzero().flatten().tolist() == list(range(14, 27))


def test_texts_may_be_of_any_length() -> None:
    model = model_of(Task.TEXT)
    ids = torch.randint(0, PIECES, (1, 3_000))
    assert model(ids, torch.ones_like(ids)).isfinite().all()


class Types(TorchDispatchMode):
    """Notes the types of the numbers that each function gets."""

    def __init__(self) -> None:
        super().__init__()
        self.types: dict[str, set[torch.dtype]] = {}

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        self.types.setdefault(func.overloadpacket.__name__, set()).update(one.dtype for one in tensors)
        return func(*args, **(kwargs or {}))


def test_only_matrix_products_are_of_bfloat16() -> None:
    model, ids = CNN(PIECES, 3, Task.TEXT), torch.tensor([[5, 6, 7]])
    with Types() as seen, torch.autocast("cpu", torch.bfloat16):
        model(ids, torch.ones_like(ids))
    assert seen.types["convolution"] == {torch.float32}
    assert seen.types["addmm"] == {torch.bfloat16}
    assert seen.types["add"] == {torch.float32}
