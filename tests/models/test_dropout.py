import pytest
import torch
from torch import nn

from kdops.models.dropout import Dropout, with_fast_dropout


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
def test_share_and_scale(p: float) -> None:
    torch.manual_seed(1)
    values = Dropout(p)(torch.ones(1000, 333))
    assert values[values > 0] == pytest.approx(1 / (1 - p))
    assert (values == 0).float().mean() == pytest.approx(p, abs=0.004)
    assert values.mean() == pytest.approx(1, abs=0.005)


def test_neighbours_are_independent() -> None:
    torch.manual_seed(1)
    dropped = (Dropout(0.3)(torch.ones(400_000)) == 0).float()
    for distance in (1, 2, 3, 4, 8):
        pairs = torch.stack([dropped[:-distance], dropped[distance:]])
        assert abs(torch.corrcoef(pairs)[0, 1]) < 0.01


def test_gradient_passes_where_the_activation_did() -> None:
    torch.manual_seed(1)
    values = torch.randn(7, 5, 3, requires_grad=True)
    result = Dropout(0.3)(values)
    result.sum().backward()
    torch.testing.assert_close(values.grad, torch.where(result == 0, 0.0, 1 / 0.7))


def test_seed_decides() -> None:
    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return Dropout(0.5)(torch.ones(64))

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_the_ends_of_the_range_and_evaluation() -> None:
    values = torch.randn(6)
    assert torch.equal(Dropout(0.0)(values), values)
    assert torch.equal(Dropout(1.0)(values), torch.zeros(6))
    assert torch.equal(Dropout(0.5).eval()(values), values)


def test_takes_the_place_of_plain_dropout_everywhere() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.2), nn.Dropout1d(0.2)))
    with_fast_dropout(model)
    inner = model[1]
    assert type(inner[0]) is Dropout
    assert inner[0].p == 0.2
    assert type(inner[1]) is nn.Dropout1d
