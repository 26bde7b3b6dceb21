"""Cells worked off by several processes; one that fails is told of and keeps none of the others up."""

import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from kdops.errors import Stopped
from kdops.home import home
from kdops.process import end_with_parent
from kdops.steps.distill import distill
from kdops.steps.exam.grid import Cell
from kdops.tracking import store

logger = logging.getLogger(__name__)

_MOST_STARTS = 2
_LOCKS = "exam"


@dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    Attributes:
        cell: which.
        run_id: the finished run that did it; None: it failed.
        error: why it failed, in one line; empty when it did not.
        said: what is worth telling of it.
        busy: whether another exam works on it, so that nothing was done.
    """

    cell: Cell
    run_id: str | None = None
    error: str = ""
    said: str = ""
    busy: bool = False


@dataclass(frozen=True)
class Workshop:
    """Where cells are worked off.

    Attributes:
        exam_run: the run that those of the cells belong to.
        logs: a folder for what each cell says while it is worked on.
        backend: of joblib.
        workers: processes at a time.
    """

    exam_run: str
    logs: Path
    backend: str
    workers: int

    def log_of(self, cell: Cell) -> Path:
        """What a cell says; there is no such file before it is begun."""
        return self.logs / f"{cell.dataset}-{cell.student}-{cell.recipe}-{cell.seed}.log"

    def outcomes(self, cells: Sequence[Cell]) -> Iterator[Outcome]:
        """Work off all cells, each outcome as soon as it is there; what another exam works on comes last.

        A cell whose worker process was killed is begun once more.
        """
        left, starts = list(cells), dict.fromkeys(cells, 0)
        wait = False
        while left:
            busy = []
            try:
                for outcome in self._pass(tuple(left), wait=wait):
                    if outcome.busy:
                        busy.append(outcome.cell)
                    else:
                        left.remove(outcome.cell)
                        yield outcome
            except TerminatedWorkerError:
                begun = [cell for cell in left if cell not in busy and self.log_of(cell).exists()]
                if not begun:
                    raise
                for cell in begun:
                    self.log_of(cell).unlink()
                    starts[cell] += 1
                    if starts[cell] == _MOST_STARTS:
                        left.remove(cell)
                        yield Outcome(cell, error=f"its worker process was killed {_MOST_STARTS} times")
                logger.warning("a worker process was killed; its cell is begun again")
                continue
            if busy:
                logger.info("waiting for what another exam works on: %s", ", ".join(map(str, busy)))
            wait = True

    def _pass(self, cells: Sequence[Cell], *, wait: bool) -> Iterator[Outcome]:
        # Others hand no settings on to their workers; `_alone` sets what PyTorch uses there.
        threads = {"inner_max_num_threads": 1} if self.backend == "loky" else {}
        _register(self.backend)
        with parallel_config(self.backend, n_jobs=self.workers, **threads):
            run = delayed(run_cell)
            jobs = (run(cell, self.exam_run, self.log_of(cell), os.getpid(), wait) for cell in cells)
            yield from Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch=self.workers)(jobs)


def run_cell(cell: Cell, exam_run: str, log: Path, parent: int, wait: bool) -> Outcome:
    """Work off one cell in a worker process.

    Args:
        cell: which.
        exam_run: the run that its own run belongs to.
        log: the file for everything that is said meanwhile.
        parent: the process that asks.
        wait: whether to wait for another exam that works on the cell; else the outcome is `busy`.

    Raises:
        Stopped: the tracking server went away.
    """
    locks = home() / _LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(locks / f"{cell.key}.lock", timeout=-1 if wait else 0), _alone(log, parent):
            return _distilled(cell, exam_run, log)
    except Timeout:
        return Outcome(cell, busy=True)


def _distilled(cell: Cell, exam_run: str, log: Path) -> Outcome:
    try:
        done = distill(cell.config, exam_run=exam_run)
    except Exception as error:  # whatever is wrong with this cell, the others go on
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        return Outcome(cell, error=store.one_line(error))
    said = f"test {done.main_metric} {done.student[f'test.{done.main_metric}']:.4f}"
    return Outcome(cell, run_id=done.run_id, said=f"{said} (found finished)" if done.reused else said)


@contextmanager
def _alone(log: Path, parent: int) -> Iterator[None]:
    """One thread, and in a process of its own everything that is said goes to the log."""
    import torch

    torch.set_num_threads(1)
    log.parent.mkdir(parents=True, exist_ok=True)
    if os.getpid() == parent:
        log.touch()
        yield
        return
    _prepare_process(parent)
    with log.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
        yield


def _prepare_process(parent: int) -> None:
    if signal.getsignal(signal.SIGTERM) is _terminate:
        return
    signal.signal(signal.SIGTERM, _terminate)
    end_with_parent(os.getppid())
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.WARNING, force=True)
    logging.getLogger("kdops").setLevel(logging.INFO)


def _terminate(signum: int, frame: object) -> None:
    raise Stopped("its worker process was told to end")


def _register(backend: str) -> None:
    if backend == "ray":
        from ray.util.joblib import register_ray

        register_ray()
