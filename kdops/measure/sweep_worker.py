"""The clean process that sends one bundle ever longer texts, ever larger batches, and ever more requests.

`python -m kdops.measure.sweep_worker` reads one JSON request (the fields of `SweepRequest`) from standard input and
writes one JSON answer (the fields of `SweepAnswer`) to standard output. It imports the predictor and the standard
library, nothing else.
"""

import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kdops.deploy.predictor import Predictor
from kdops.measure.probes import rss_mb

_LEAST_CALLS = 5


@dataclass(frozen=True)
class SweepRequest:
    """A request for a sweep.

    Attributes:
        bundle: Folder of the bundle.
        inputs: Real texts, or lists of words.
        threads: CPU threads that the predictor may use.
        lengths: Tokens per text, ascending; those beyond the bundle's maximum are left out.
        batch_sizes: Texts per batch.
        seconds: How long each length and each batch size is measured.
        requests: After how many single texts memory is read, ascending.
    """

    bundle: str
    inputs: Sequence[str] | Sequence[Sequence[str]]
    threads: int
    lengths: Sequence[int]
    batch_sizes: Sequence[int]
    seconds: float
    requests: Sequence[int]


@dataclass(frozen=True)
class SweepAnswer:
    """The measured points, as pairs of position and value.

    Attributes:
        latency_p50_ms: Median latency at each length, in tokens.
        throughput_per_s: Texts per second at each batch size.
        ram_mb: Memory of the process after each number of requests.
    """

    latency_p50_ms: list[tuple[int, float]]
    throughput_per_s: list[tuple[int, float]]
    ram_mb: list[tuple[int, float]]


def sweep(request: SweepRequest) -> SweepAnswer:
    """Load one bundle and measure all points."""
    predictor = Predictor.load(request.bundle, threads=request.threads)
    # First, while the process holds nothing that longer texts or larger batches need.
    memory = list(_memory(predictor, request))
    fitting = [length for length in request.lengths if length <= predictor.info.max_length]
    texts = [_text_of(predictor, request.inputs, length) for length in fitting]
    latencies = [
        (len(predictor.encode([text])[0].ids), 1e3 * statistics.median(_seconds(predictor, [text], 1, request.seconds)))
        for text in texts
    ]
    speeds = []
    for size in request.batch_sizes:
        batch = list(itertools.islice(itertools.cycle(request.inputs), size))
        speeds.append((size, size / statistics.median(_seconds(predictor, batch, size, request.seconds))))
    return SweepAnswer(latencies, speeds, memory)


def _memory(predictor: Predictor, request: SweepRequest) -> Iterator[tuple[int, float]]:
    texts = itertools.cycle(request.inputs)
    asked = 0
    for goal in request.requests:
        for text in itertools.islice(texts, goal - asked):
            predictor.predict([text])
        asked = goal
        yield goal, rss_mb()


def _seconds(
    predictor: Predictor, batch: Sequence[str] | Sequence[Sequence[str]], size: int, limit: float
) -> list[float]:
    """Seconds of each call, repeated for about the given time."""
    predictor.predict(batch, batch_size=size)
    taken: list[float] = []
    end = time.perf_counter() + limit
    while len(taken) < _LEAST_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        predictor.predict(batch, batch_size=size)
        taken.append(time.perf_counter() - start)
    return taken


def _text_of(predictor: Predictor, inputs: Sequence[Any], length: int) -> Any:
    """Words of real texts, one after the other, as many as stay within a number of tokens; of a pair half in each."""
    sides = list(inputs[0].values()) if isinstance(inputs[0], dict) else [inputs[0]]
    all_words = [word for text in inputs for word in _words(text)] or ["a"]

    def of(words: int) -> Any:
        chosen = list(itertools.islice(itertools.cycle(all_words), words))
        parts = [chosen[place :: len(sides)] for place in range(len(sides))]
        read = [" ".join(part) if isinstance(side, str) else part for side, part in zip(sides, parts, strict=True)]
        return read[0] if len(read) == 1 else read

    fewest, most = 0, length + 1
    while most - fewest > 1:
        middle = (fewest + most) // 2
        encoded = predictor.encode([of(middle)])[0]
        fewest, most = (fewest, middle) if encoded.truncated or len(encoded.ids) > length else (middle, most)
    return of(fewest)


def _words(text: Any) -> Sequence[str]:
    if isinstance(text, dict):
        return [word for side in text.values() for word in _words(side)]
    return text.split() if isinstance(text, str) else text


if __name__ == "__main__":
    json.dump(asdict(sweep(SweepRequest(**json.load(sys.stdin)))), sys.stdout)
