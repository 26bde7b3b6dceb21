"""Several bundles measured in turns, with how far the turns differ: a busy machine must not pass for a slow model."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil

from kdops.deploy.predictor import Inputs
from kdops.measure.costs import Cost
from kdops.measure.measurement import measure
from kdops.measure.steadiness import STEADY, Steadiness
from kdops.progress import Bar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Measured:
    """The costs of one bundle, over several turns.

    Attributes:
        turns: One cost per turn, each from a fresh process.
    """

    turns: tuple[Cost, ...]

    @property
    def cost(self) -> Cost:
        """The median of each figure over the turns; a figure that a turn could not read is left out."""
        turns = [turn.metrics() for turn in self.turns]
        names = set(turns[0]).intersection(*turns)
        kind = type(self.turns[0])
        return kind(**{name: statistics.median(turn[name] for turn in turns) for name in names})  # type: ignore[arg-type]

    def spread(self, name: str) -> float:
        """How far the turns differ in a figure: the range of their middle half, as a share of the median."""
        values = [getattr(turn, name) for turn in self.turns]
        low, middle, high = np.percentile(values, [25, 50, 75])
        return float((high - low) / middle)


@dataclass(frozen=True)
class SideBySide:
    """Bundles measured in turns.

    Attributes:
        measured: One per bundle, in order.
        other_cores: Cores that other processes kept busy meanwhile, on average.
    """

    measured: tuple[Measured, ...]
    other_cores: float

    @property
    def costs(self) -> list[Cost]:
        """The medians of each bundle."""
        return [one.cost for one in self.measured]

    @property
    def steadiness(self) -> Steadiness:
        """How steadily all of them could be measured."""
        rounds = len(self.measured[0].turns)
        spreads = [one.spread(name) for one in self.measured for name in STEADY]
        return Steadiness(rounds, max(spreads) if rounds > 1 else None, self.other_cores)


def measure_side_by_side(bundles: Sequence[Path], inputs: Inputs, *, threads: int = 1, rounds: int = 3) -> SideBySide:
    """Measure bundles in turns, so that a busy moment of the machine falls on all of them.

    Args:
        bundles: Their folders.
        inputs: Real texts, or lists of words, the same for all.
        threads: CPU threads that each may use.
        rounds: Turns, each in a fresh process.

    Raises:
        MeasurementError: A process failed.
    """
    with_others = _OtherLoad()
    turns = in_turns(bundles, lambda bundle: measure(bundle, inputs, threads=threads), rounds, "measuring costs")
    return SideBySide(tuple(map(Measured, turns)), with_others.cores())


def in_turns(
    bundles: Sequence[Path], once: Callable[[Path], Result], rounds: int, description: str
) -> list[tuple[Result, ...]]:
    """The results of `once` for each bundle, `rounds` times, in turns: one tuple per bundle.

    Args:
        bundles: Their folders.
        once: Takes one of them, in a process of its own.
        rounds: Turns.
        description: The text of the progress bar.
    """
    turns: list[list[Result]] = []
    with Bar(rounds * len(bundles), description, "processes") as progress:
        for _ in range(rounds):
            turns.append([])
            for bundle in bundles:
                turns[-1].append(once(bundle))
                progress.update()
    return list(zip(*turns, strict=True))


class _OtherLoad:
    """The load of the rest of the machine, from now on."""

    def __init__(self) -> None:
        self._start = time.monotonic(), *self._busy_s()

    def cores(self) -> float:
        started, busy_s, own_s = self._start
        now_busy_s, now_own_s = self._busy_s()
        return max(0.0, (now_busy_s - busy_s - (now_own_s - own_s)) / (time.monotonic() - started))

    @staticmethod
    def _busy_s() -> tuple[float, float]:
        """CPU seconds of the whole machine, and of this process with its finished children."""
        machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
        busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0) - getattr(machine, "guest", 0.0)
        return busy, own.user + own.system + own.children_user + own.children_system
