"""Several processes that train one model together, each on a device of its own, as `accelerate launch` starts them.

The main process does everything; the others help it to train and do nothing else.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from kdops.errors import UserError

Value = TypeVar("Value")

_PATIENCE = timedelta(days=2)
"""How long others wait for the main process, which may download or wait for a lock; its end is noticed anyhow."""


def processes() -> PartialState:
    """Who this process is among those that train together; the first call lets them meet."""
    return PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)


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


def check_alone(step: str) -> None:
    """Make sure that a step which trains on one device was not started several times.

    Raises:
        UserError: if it was, in the main process; the others end with the same exit code and say nothing.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return
    if os.environ.get("RANK", "0") != "0":
        raise SystemExit(2)
    raise UserError(
        f"{step} runs in one process: it is the teacher that is trained on several devices. Start train_teacher by "
        f"accelerate launch first, then {step} without it, which finds that teacher"
    )
