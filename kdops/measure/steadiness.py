"""How steadily costs could be measured: whether the machine was busy with something else."""

from dataclasses import dataclass

STEADY = ("latency_p50_ms", "cpu_ms_per_text")
"""The figures that a busy machine changes."""
_UNSTEADY = 0.1
_BUSY_CORES = 1.0


@dataclass(frozen=True)
class Steadiness:
    """How steadily several bundles could be measured.

    Attributes:
        rounds: number of turns.
        spread: how far the turns of the least steady figure of `STEADY` differ, as `Measured.spread` has it; None: of
            one turn nobody knows.
        other_cores: cores that other processes kept busy meanwhile, on average.
    """

    rounds: int
    spread: float | None
    other_cores: float

    def __str__(self) -> str:
        if self.spread is None:
            return (
                f"costs: of one turn, so how steady they are is unknown; others kept {self.other_cores:.1f} cores busy"
            )
        sentence = (
            f"costs: median of {self.rounds} turns, each in a fresh process; latency and CPU time of their middle half "
            f"differ by up to {self.spread:.0%}; other processes kept {self.other_cores:.1f} cores busy"
        )
        busy = self.spread > _UNSTEADY or self.other_cores >= _BUSY_CORES
        return f"{sentence}: measure again on a quieter machine" if busy else sentence
