"""What training runs on: the precision of a device, and several processes that train one model together.

Those are started by `accelerate launch`, each on a device of its own. The main one does everything; the others help it
to train and do nothing else.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from torch import nn

Value = TypeVar("Value")

_CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16")
_WIDE = 128
_PATIENCE = timedelta(days=2)
"""How long others wait for the main process, which may download or wait for a lock; its end is noticed anyhow."""


def processes() -> PartialState:
    """Who this process is among those that train together; the first call lets them meet."""
    return PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)


@contextmanager
def together() -> Iterator[PartialState]:
    """Around all that several processes do with each other: they part at its end, whatever happened.

    A process that ends without that may be aborted: threads of its process group still hold objects of a Python that
    is gone.
    """
    state = processes()
    try:
        yield state
    finally:
        state.destroy_process_group()


def product_type(device: torch.device) -> torch.dtype:
    """The type of numbers in which a device multiplies matrices fastest: bfloat16 where it has instructions for that.

    GPUs since Ampere have them, and CPUs with AVX-512 BF16 or AMX; for all others it is float32.
    """
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        able = torch.cpu.get_capabilities()
        has_bfloat16 = any(able.get(name, False) for name in _CPU_BFLOAT16)
    return torch.bfloat16 if has_bfloat16 else torch.float32


def fast_products(model: nn.Module) -> torch.autocast:
    """A context in which a model multiplies in `product_type`; its weights and whatever is summed up stay float32.

    That is for models with a matrix of at least 128 by 128: all but toys. Students train in an eighth to a quarter less
    time so. Each shape of batch takes memory for kernels of its own, in all 30 MB of a CNN's training, 80 of a
    BiLSTM's, 170 of a bert-tiny's.

    A model that cannot multiply in bfloat16 says so by an attribute `float32_only`.
    """
    device = next(model.parameters()).device
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    wide = any(min(linear.weight.shape) >= _WIDE for linear in linears)
    able = wide and not getattr(model, "float32_only", False)
    return torch.autocast(device.type, torch.bfloat16, enabled=able and product_type(device) is torch.bfloat16)


def from_main(make: Callable[[], Value]) -> Value:
    """What the main process makes, in all of them; each must call this at the same place."""
    state = processes()
    if state.num_processes == 1:
        return make()
    (made,) = broadcast_object_list([make() if state.is_main_process else None])
    value: Value = made
    return value


@contextmanager
def helpers() -> Iterator[Callable[[object], None]]:
    """In the main process, around work in which it may call the others once: they wait for it in `wait_for_call`.

    Yields:
        Sends them what they must know. They are sent home at the end if they were not called, whatever happened.
    """
    called = False

    def call(order: object) -> None:
        nonlocal called
        called = True
        from_main(lambda: order)

    try:
        yield call
    finally:
        if not called:
            call(None)


def wait_for_call() -> object:
    """In a process that is not the main one: what `helpers` sends, or None to go home."""
    return from_main(lambda: None)
