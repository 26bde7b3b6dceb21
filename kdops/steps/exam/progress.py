"""Progress of an exam: in a terminal a live line per worker, elsewhere a log line for each cell that ends."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from kdops.steps.exam.estimate import in_words, side_by_side
from kdops.steps.exam.grid import Cell
from kdops.steps.exam.plan import Plan
from kdops.steps.exam.work import Outcome

logger = logging.getLogger(__name__)

_TAIL_BYTES = 2_000


class Progress:
    """Counts cells, and reports progress.

    Args:
        plan: all cells.
        log_of: the file that a cell writes to while it is worked on.
    """

    def __init__(self, plan: Plan, log_of: Callable[[Cell], Path]) -> None:
        self._log_of, self._workers = log_of, plan.workers
        # Read by the thread that draws, while this one writes.
        self._left = {one.cell: one.seconds for one in plan.to_do}
        self._finished, self._failed = len(plan.cells) - len(plan.to_do), 0
        self._began: dict[Cell, float] = {}
        self._took: list[float] = []

    @contextmanager
    def shown(self, console: Console | None = None) -> Iterator[None]:
        """A block with live lines where there is a terminal, and the log above them.

        Args:
            console: where; None: stderr.
        """
        console, plain = console or Console(stderr=True), sys.stderr
        if not console.is_terminal:
            yield
            return
        with (
            Live(console=console, get_renderable=self._lines, refresh_per_second=2, transient=True),
            # Live has put a stream that it knows of in the place of stderr.
            _logging_to(sys.stderr, instead_of=plain),
        ):
            yield

    def begins(self, cell: Cell) -> None:
        """Note that a worker begins a cell."""
        self._began[cell] = time.monotonic()

    def ended(self, outcome: Outcome) -> None:
        """Count a cell that is no longer worked on, and say so."""
        self._took.append(self._worked_s(outcome.cell))
        del self._left[outcome.cell]
        if outcome.error:
            self._failed += 1
        else:
            self._finished += 1
        result = f"failed: {outcome.error}" if outcome.error else outcome.summary
        logger.info("%s", f"{outcome.cell}: {result}; {self}")

    def __str__(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        left = f", {len(self._left)} left, {in_words(self._seconds_left)}" if self._left else ""
        return f"{self._finished} finished{failed}{left}"

    @property
    def _seconds_left(self) -> float | None:
        # What was never measured takes as long as the cells that ended so far.
        usual = mean(self._took) if self._took else None
        left = []
        for cell, measured in tuple(self._left.items()):
            seconds = usual if measured is None else measured
            if seconds is None:
                return None
            left.append(max(seconds - self._worked_s(cell), 0.0))
        return side_by_side(left, self._workers)

    def _worked_s(self, cell: Cell) -> float:
        began = self._began.get(cell)
        return 0.0 if began is None else time.monotonic() - began

    def _lines(self) -> Group:
        last = {cell: _last_line(self._log_of(cell)) for cell in tuple(self._left)}
        lines = [Text(f"{cell}: {line}", no_wrap=True, overflow="ellipsis") for cell, line in last.items() if line]
        return Group(*lines, Text(str(self), style="bold"))


def _last_line(log: Path) -> str | None:
    """The last line of a cell's log; None: it was not begun, or its log cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return None
    return next((line.strip() for line in reversed(lines) if line.strip()), "begins")


@contextmanager
def _logging_to(stream: TextIO, *, instead_of: TextIO) -> Iterator[None]:
    """Log handlers keep the stream that they were made with, so those of one stream get the other meanwhile."""
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, logging.StreamHandler)]
    moved = [one for one in handlers if one.stream is instead_of]
    for handler in moved:
        handler.setStream(stream)
    try:
        yield
    finally:
        for handler in moved:
            handler.setStream(instead_of)
