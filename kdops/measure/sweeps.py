"""How a bundle's cost grows: with the text's length, the batch, the threads, and the number of requests."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kdops.deploy.predictor import Inputs
from kdops.measure.clean_process import ask
from kdops.measure.measurement import draw, measure
from kdops.measure.sweep_worker import SweepAnswer, SweepRequest
from kdops.measure.turns import in_turns

_WORKER = "kdops.measure.sweep_worker"
_TEXTS = 256

LENGTHS = (8, 16, 32, 64, 128, 256)
BATCH_SIZES = (1, 4, 16, 64, 256)
REQUESTS = (100, 1_000, 10_000)


@dataclass(frozen=True)
class Sweeps:
    """How one bundle's cost grows; each curve maps a position to a value, the median of the turns.

    Attributes:
        latency_by_tokens: Median latency of one text in ms, by its tokens.
        throughput_by_batch: Texts per second, by texts per batch.
        throughput_by_threads: Texts per second in batches of 32, by CPU threads.
        ram_by_requests: Memory of the process in MB, by single texts answered.
    """

    latency_by_tokens: Mapping[int, float]
    throughput_by_batch: Mapping[int, float]
    throughput_by_threads: Mapping[int, float]
    ram_by_requests: Mapping[int, float]

    @property
    def ram_growth_mb(self) -> float:
        """Memory gained between the first and the last reading, in MB."""
        readings = list(self.ram_by_requests.values())
        return readings[-1] - readings[0]


def sweep_side_by_side(
    bundles: Sequence[Path],
    inputs: Inputs,
    *,
    threads: int = 1,
    most_threads: int = 1,
    rounds: int = 3,
    seconds: float = 0.5,
    requests: Sequence[int] = REQUESTS,
) -> list[Sweeps]:
    """Sweep over bundles in turns.

    Args:
        bundles: Their folders.
        inputs: Real texts, or lists of words, the same for all.
        threads: CPU threads, except in the sweep over threads.
        most_threads: The end of the sweep over threads, in powers of two.
        rounds: Turns, each in a fresh process.
        seconds: How long each point is measured, each turn.
        requests: After how many single texts memory is read.

    Raises:
        MeasurementError: A process failed.
    """
    texts = draw(inputs, _TEXTS)

    def once(bundle: Path) -> SweepAnswer:
        request = SweepRequest(str(bundle.resolve()), texts, threads, LENGTHS, BATCH_SIZES, seconds, requests)
        return SweepAnswer(**ask(_WORKER, asdict(request), threads=threads))

    def speeds(bundle: Path) -> dict[int, float]:
        return {
            count: measure(bundle, texts, threads=count, calls=1, batch_seconds=seconds).throughput_per_s
            for count in _powers_of_two(most_threads)
        }

    answers, by_threads = (
        in_turns(bundles, once, rounds, "measuring curves"),
        in_turns(bundles, speeds, rounds, "measuring threads"),
    )
    return [
        Sweeps(
            latency_by_tokens=_medians([dict(turn.latency_p50_ms) for turn in turns]),
            throughput_by_batch=_medians([dict(turn.throughput_per_s) for turn in turns]),
            throughput_by_threads=_medians(threaded),
            ram_by_requests=_medians([dict(turn.ram_mb) for turn in turns]),
        )
        for turns, threaded in zip(answers, by_threads, strict=True)
    ]


def _powers_of_two(most: int) -> list[int]:
    return [2**power for power in range(most.bit_length())]


def _medians(turns: Sequence[Mapping[int, float]]) -> dict[int, float]:
    return {where: statistics.median(turn[where] for turn in turns) for where in turns[0]}
