"""The devices of training: the precision of a device, and several processes that train one model together.

The processes are started by `accelerate launch`, each on a device of its own. The main one does everything; the others
help it to train and do nothing else.
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
"""How long helpers wait for the main process, which may download or wait for a lock; its end is noticed at once."""


def processes() -> PartialState:
    """The place of this process among those that train together; the first call connects them."""
    return PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)


@contextmanager
def together() -> Iterator[PartialState]:
    """A block in which several processes work together; their group is destroyed at its end, whatever happened.

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

    It applies to models with a matrix of at least 128 by 128: all but toys. Students train in 12% to 25% less time, but
    each shape of batch takes memory for kernels of its own, in all 30 MB of a CNN's training, 80 of a
    BiLSTM's, 170 of a bert-tiny's.

    A model that cannot multiply in bfloat16 says so by an attribute `float32_only`.
    """
    device = next(model.parameters()).device
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    wide = any(min(linear.weight.shape) >= _WIDE for linear in linears)
    able = wide and not getattr(model, "float32_only", False)
    return torch.autocast(device.type, torch.bfloat16, enabled=able and product_type(device) is torch.bfloat16)


def from_main(make: Callable[[], Value]) -> Value:
    """Return the main process's result in every process; each must call this at the same place."""
    state = processes()
    if state.num_processes == 1:
        return make()
    (made,) = broadcast_object_list([make() if state.is_main_process else None])
    value: Value = made
    return value


@contextmanager
def helpers() -> Iterator[Callable[[object], None]]:
    """In the main process, a block in which it may call its helpers once; they wait in `wait_for_call`.

    Yields:
        A function that sends them their order. If they were not called, they are released at the end of the block.
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
    """In a helper process: the order that the main process sends, or None if there is no work."""
    return from_main(lambda: None)
