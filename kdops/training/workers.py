"""Processes beside this one that work for it, each with one thread."""

import logging
import os
import signal
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import ShutdownExecutorError

from kdops.process import end_with_parent
from kdops.threads import variables
from kdops.training.memory import KEEPS_FREED_MEMORY

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

WorkerDied = BrokenProcessPool
"""The exception of a piece of work whose process was killed."""

ONE_THREAD = variables(1) | KEEPS_FREED_MEMORY
"""Environment of a new process that keeps its libraries to one core, and lets its allocator reuse memory from step to
step."""


class Workers:
    """Worker processes that do one piece of work at a time; an exception that leaves the block kills them.

    Each is a joblib (loky) pool of its own: in a common pool the death of one process ends all the others. They are
    started when there is work for them, and again when they died; they end by themselves when the thread that gave them
    work is gone, leave Ctrl-C to it, and say which worker they are in each log line.

    Attributes:
        count: how many there are.
        deaths: exceptions of a piece of work whose process was killed, by others or by `kill`.
    """

    deaths: tuple[type[Exception], ...] = (WorkerDied, ShutdownExecutorError)

    def __init__(self, count: int) -> None:
        self.count = count
        self._pools: list[ProcessPoolExecutor | None] = [None] * count
        self._work: list[Future[object] | None] = [None] * count

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for pool in filter(None, self._pools):
            pool.shutdown(wait=True, kill_workers=kind is not None)

    def start(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Let an idle worker do a piece of work; there must be one.

        Args:
            work: a module's function, which the worker imports.
            args: its arguments; they travel through a pipe, so large things go as files.
            kwargs: the same, by name.

        Returns:
            Its outcome: what `work` returned or raised, or `WorkerDied`.
        """
        number = next(index for index, one in enumerate(self._work) if one is None or one.done())
        try:
            future = self._pool(number).submit(work, *args, **kwargs)
        except WorkerDied:
            self._pools[number] = None
            future = self._pool(number).submit(work, *args, **kwargs)
        self._work[number] = future
        done: Future[Result] = future
        return done

    def kill(self, work: Future[Any]) -> None:
        """Kill the process that does a piece of work, and what it started; the next piece gets a new one."""
        number = self._work.index(work)
        pool, self._pools[number] = self._pools[number], None
        if pool:
            pool.shutdown(wait=True, kill_workers=True)

    def _pool(self, number: int) -> ProcessPoolExecutor:
        pool = self._pools[number]
        if pool is None:
            level = logging.getLogger(__name__).getEffectiveLevel()
            setting = (number + 1, os.getpid(), level)
            pool = ProcessPoolExecutor(1, initializer=_set_up, initargs=setting, env=ONE_THREAD)
            self._pools[number] = pool
        return pool


def _set_up(number: int, parent: int, level: int) -> None:
    # Ctrl-C reaches every process of a terminal; the parent decides about the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent, signal.SIGKILL)
    form = f"%(asctime)s worker {number}: %(message)s"
    logging.basicConfig(format=form, datefmt="%H:%M:%S", level=logging.WARNING)
    logging.getLogger("kdops").setLevel(level)
