"""Pieces of work beside one another: each in a process of its own, in turns, several rounds, medians."""

import logging
import multiprocessing
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from kdops.measure.probes import peak_rss_mb, rss_mb, usage

logger = logging.getLogger(__name__)

# Imported once, before any contestant, so that nobody's time or memory holds them.
_LIBRARIES = ["torch", "transformers", "accelerate", "datasets", "benchmarks.students"]

Figures = Mapping[str, float]
Work = Callable[[], Figures]
"""The work that is timed; it returns figures of its own, such as a score."""


@dataclass(frozen=True)
class Contestant:
    """One way to do something.

    Attributes:
        name: for the table.
        prepare: makes everything ready in the contestant's process, untimed, and gives the work; must be picklable.
    """

    name: str
    prepare: Callable[[], Work]


@dataclass(frozen=True)
class Turn:
    """The measurements of one contestant in one round.

    Attributes:
        wall_s: seconds that passed.
        cpu_s: seconds of CPU time of all its threads and finished children.
        ram_mb: the most memory of its process beyond that of the bare libraries, preparation included.
        figures: further figures of the work itself.
    """

    wall_s: float
    cpu_s: float
    ram_mb: float
    figures: Figures


@dataclass(frozen=True)
class Standing:
    """The measurements of one contestant in all rounds."""

    name: str
    turns: list[Turn] = field(default_factory=list)

    @property
    def wall_s(self) -> float:
        """The median of the seconds that passed."""
        return statistics.median(turn.wall_s for turn in self.turns)

    @property
    def cpu_s(self) -> float:
        """The median of the CPU seconds."""
        return statistics.median(turn.cpu_s for turn in self.turns)

    @property
    def ram_mb(self) -> float:
        """The median of the memory."""
        return statistics.median(turn.ram_mb for turn in self.turns)

    @property
    def range_s(self) -> tuple[float, float]:
        """The fastest and the slowest turn."""
        seconds = [turn.wall_s for turn in self.turns]
        return min(seconds), max(seconds)

    def figure(self, name: str) -> float:
        """The median of one of the work's own figures."""
        return statistics.median(turn.figures[name] for turn in self.turns)


def contest(contestants: Sequence[Contestant], rounds: int) -> list[Standing]:
    """Let all of them work, one after the other, and that `rounds` times, so that busy moments fall on all alike."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LIBRARIES)
    standings = [Standing(one.name) for one in contestants]
    for number in range(1, rounds + 1):
        for contestant, standing in zip(contestants, standings, strict=True):
            with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as process:
                turn = process.submit(_turn, contestant).result()
            standing.turns.append(turn)
            logger.info("round %d: %s: %.2f s", number, contestant.name, turn.wall_s)
    return standings


def _turn(contestant: Contestant) -> Turn:
    import torch

    torch.set_num_threads(1)
    before_mb = rss_mb()
    work = contestant.prepare()
    with usage() as used:
        figures = work()
    return Turn(used.wall_s, used.cpu_s, peak_rss_mb() - before_mb, figures)
