"""A moving average of a model's weights, which generalises better than the last of them."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

AVERAGED_STEPS = 4
"""Steps between two updates of the average; each costs a pass over all weights."""

_LAG = 25
_Weights = list[Tensor] | tuple[Tensor, ...]


def average(model: nn.Module, decay: float) -> AveragedModel:
    """A moving average of weights that forgets faster at first: it lags by a 25th of the steps so far at most.

    Args:
        model: whose weights it starts with.
        decay: per step; the average is to be updated every `AVERAGED_STEPS` steps.
    """

    def update(averages: _Weights, currents: _Weights, updates: Tensor | int) -> None:
        weight = 1 - min(decay**AVERAGED_STEPS, (1 + float(updates)) / (_LAG + float(updates)))
        torch._foreach_lerp_(averages, currents, weight)

    return AveragedModel(model, multi_avg_fn=update)
