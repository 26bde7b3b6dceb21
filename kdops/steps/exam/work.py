"""The cells of an exam in several processes; one that fails is reported and does not stop the others."""

import logging
import os
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from filelock import Timeout

from kdops import number_text
from kdops.errors import Stopped
from kdops.process import heartbeat
from kdops.steps.distill.step import distill
from kdops.steps.exam.grid import Cell
from kdops.tracking import store
from kdops.workspace import EXAM_CELLS, Piece

logger = logging.getLogger(__name__)

_MOST_STARTS = 2
_LOOK_S = 1.0


@dataclass(frozen=True)
class Outcome:
    """The outcome of a cell.

    Attributes:
        cell: which.
        run_id: the finished run that did it; None: it failed.
        error: why it failed, in one line; empty when it did not.
        summary: its result, in a few words.
        busy: whether another exam works on it, so that nothing was done.
        stopped: what went away that all cells need, so that this one was given up; empty when nothing did.
    """

    cell: Cell
    run_id: str | None = None
    error: str = ""
    summary: str = ""
    busy: bool = False
    stopped: str = ""


class Processes(Protocol):
    """Worker processes, as `kdops.training.workers.Workers` has them here and `RayWorkers` on a cluster."""

    count: int

    @property
    def deaths(self) -> tuple[type[Exception], ...]:
        """The exceptions of a piece of work whose process was killed."""

    def start(self, work: Callable[..., Outcome], *args: Any) -> Future[Outcome]:
        """Let a worker that is idle do a piece of work."""

    def kill(self, work: Future[Any]) -> None:
        """Kill the process that does a piece of work."""


@dataclass
class _Attempt:
    """A cell that is worked on, or waits for that.

    Attributes:
        cell: which.
        log: its file, whose time is the worker's sign of life.
        number: 1 for the first.
        waits: whether to wait for another exam that works on it.
    """

    cell: Cell
    log: Path
    number: int = 1
    waits: bool = False
    hung: bool = False
    _beat: int = field(init=False)
    _alive: float | None = None

    def __post_init__(self) -> None:
        self._beat = self._time()

    def silent_s(self) -> float:
        """Seconds since the last sign of life, 0 before the first; by this machine's clock, which is never set."""
        now, beat = time.monotonic(), self._time()
        if beat != self._beat:
            self._beat, self._alive = beat, now
        return 0.0 if self._alive is None else now - self._alive

    def _time(self) -> int:
        try:
            return self.log.stat().st_mtime_ns
        except OSError:  # not begun, or its disk cannot be read
            return 0


@dataclass(frozen=True)
class Workshop:
    """Where cells are worked off.

    Attributes:
        exam_run: the run that those of the cells belong to.
        logs: a folder for what each cell says while it is worked on; workers on other machines must see it too.
        processes: who works.
        hung_after_s: a worker that gives no sign of life for so long is killed.
    """

    exam_run: str
    logs: Path
    processes: Processes
    hung_after_s: float

    def log_of(self, cell: Cell) -> Path:
        """The log file of a cell; it does not exist before the cell is begun."""
        return self.logs / f"{cell.dataset}-{cell.student}-{cell.recipe}-{cell.seed}.log"

    def outcomes(self, cells: Sequence[Cell], begins: Callable[[Cell], None] = lambda cell: None) -> Iterator[Outcome]:
        """Run all cells, and yield each outcome as soon as it is there; cells of another running exam come last.

        A cell whose worker process hung or was killed is begun once more, in another one.

        Args:
            cells: which.
            begins: called with each cell that a worker begins, also when it is begun again.

        Raises:
            Stopped: something that all cells need went away.
        """
        left = deque(_Attempt(cell, self.log_of(cell)) for cell in cells)
        running: dict[Future[Outcome], _Attempt] = {}
        while left or running:
            while left and len(running) < self.processes.count:
                attempt = left.popleft()
                if attempt.waits:
                    logger.info("waiting for what another exam works on: %s", attempt.cell)
                begins(attempt.cell)
                running[self._start(attempt)] = attempt
            for future in wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED).done:
                outcome = self._outcome(running.pop(future), future, left)
                if outcome:
                    yield outcome
            for future, attempt in running.items():
                if not attempt.hung and attempt.silent_s() > self.hung_after_s:
                    attempt.hung = True
                    self.processes.kill(future)

    def _start(self, attempt: _Attempt) -> Future[Outcome]:
        try:
            return self.processes.start(
                run_cell, attempt.cell, self.exam_run, attempt.log, logger.getEffectiveLevel(), attempt.waits
            )
        except Exception as error:  # no process can be started, which the next cell may find better
            failed: Future[Outcome] = Future()
            failed.set_exception(error)
            return failed

    def _outcome(self, attempt: _Attempt, future: Future[Outcome], left: deque[_Attempt]) -> Outcome | None:
        """How an attempt ended; None: the cell is to be tried again."""
        cell = attempt.cell
        try:
            outcome = future.result()
        except self.processes.deaths:
            how = f"hung for {self.hung_after_s / 60:g} min" if attempt.hung else "was killed"
            if attempt.number == _MOST_STARTS:
                return Outcome(cell, error=f"{_MOST_STARTS} worker processes did not get through it; the last {how}")
            logger.warning("%s: its worker process %s; it is begun again in another", cell, how)
            left.appendleft(_Attempt(cell, attempt.log, attempt.number + 1, attempt.waits))
            return None
        except Exception as error:  # whatever else came back instead of an outcome, the others go on
            return Outcome(cell, error=store.one_line(error))
        if outcome.stopped:
            raise Stopped(outcome.stopped)
        if outcome.busy:
            left.append(_Attempt(cell, attempt.log, attempt.number, waits=True))
            return None
        return outcome


def run_cell(cell: Cell, exam_run: str, log: Path, level: int, waits: bool) -> Outcome:
    """Run one cell; called in a worker process, which is used for such calls only from then on.

    Args:
        cell: which.
        exam_run: the run that its own run belongs to.
        log: the file for its output, touched as a sign of life.
        level: how much kdops says.
        waits: whether to wait for another exam that works on the cell; else the outcome is `busy`.
    """
    try:
        with Piece(EXAM_CELLS, cell.key).locked(wait=waits), _saying_all_to(log, level):
            return _distilled(cell, exam_run)
    except Timeout:
        return Outcome(cell, busy=True)
    except Exception as error:  # no lock or log can be made, on a disk that is full, say
        return Outcome(cell, error=store.one_line(error))


def _distilled(cell: Cell, exam_run: str) -> Outcome:
    import torch

    torch.set_num_threads(1)
    try:
        done = distill(cell.config, exam_run=exam_run)
    except Stopped as error:
        return Outcome(cell, stopped=str(error))
    except Exception as error:  # whatever is wrong with this cell, the others go on
        # The log may lie on the very disk that is full.
        with suppress(OSError):
            traceback.print_exc()
        return Outcome(cell, error=store.one_line(error))
    main = done.result.main_metric
    summary = f"test {main} {number_text.score(done.scores.test[main])}"
    return Outcome(cell, run_id=done.run_id, summary=f"{summary} (found finished)" if done.reused else summary)


@contextmanager
def _saying_all_to(log: Path, level: int) -> Iterator[None]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        # What libraries of C say too.
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    # Ray's workers have no logging yet.
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.WARNING)
    logging.getLogger("kdops").setLevel(level)
    with heartbeat(log):
        yield
