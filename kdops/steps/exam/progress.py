"""How far an exam is: a live line a worker in a terminal, elsewhere a line of the log for each cell that ends."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from kdops.steps.exam.estimate import in_words
from kdops.steps.exam.grid import Cell
from kdops.steps.exam.plan import Plan
from kdops.steps.exam.work import Outcome

logger = logging.getLogger(__name__)

_TAIL_BYTES = 2_000


class Progress:
    """Counts cells, and says how far the work is.

    Args:
        plan: all cells.
        log_of: the file that a cell writes to while it is worked on.
    """

    def __init__(self, plan: Plan, log_of: Callable[[Cell], Path]) -> None:
        self._log_of, self._workers = log_of, plan.workers
        self._left = {one.cell: one.seconds for one in plan.to_do}
        self._finished, self._failed = len(plan.cells) - len(plan.to_do), 0
        self._began, self._ended_since = time.monotonic(), 0

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While the work goes on: live lines, where somebody sits before a terminal."""
        console = Console(stderr=True)
        if not console.is_terminal:
            yield
            return
        with Live(console=console, get_renderable=self._lines, refresh_per_second=2, transient=True):
            yield

    def ended(self, outcome: Outcome) -> None:
        """Count a cell that is no longer worked on, and say so."""
        del self._left[outcome.cell]
        self._ended_since += 1
        if outcome.error:
            self._failed += 1
        else:
            self._finished += 1
        said = f"failed: {outcome.error}" if outcome.error else outcome.said
        logger.info("%s", f"{outcome.cell}: {said}; {self}")

    def __str__(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        left = f", {len(self._left)} left, {in_words(self._seconds_left)}" if self._left else ""
        return f"{self._finished} finished{failed}{left}"

    @property
    def _seconds_left(self) -> float | None:
        known = [seconds for seconds in self._left.values() if seconds is not None]
        unknown = len(self._left) - len(known)
        if unknown and not self._ended_since:
            return None
        # What was never measured takes as long as the cells that ended so far.
        usual = self._workers * (time.monotonic() - self._began) / max(self._ended_since, 1)
        return (sum(known) + unknown * usual) / self._workers

    def _lines(self) -> Group:
        working = [cell for cell in tuple(self._left) if self._log_of(cell).exists()]
        lines = [
            Text(f"{cell}: {_last_line(self._log_of(cell))}", no_wrap=True, overflow="ellipsis") for cell in working
        ]
        return Group(*lines, Text(str(self), style="bold"))


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines: Sequence[str] = file.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "begins")
