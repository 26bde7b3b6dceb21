"""The clean process: loads one bundle as production would, and reports its costs.

`python -m kdops.measure.worker` reads one JSON request (the fields of `Request`) from standard input and writes one
JSON answer (the fields of `Answer`) to standard output. It imports the predictor and the standard library, nothing
else, so that the memory it reads is the memory that serving takes.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kdops.deploy.predictor import Predictor
from kdops.measure.probes import energy_used_j, package_energy_j, peak_rss_mb, rss_mb, usage

_WARM_UP_TEXTS = 8
_CHUNK_BATCHES = 4


@dataclass(frozen=True)
class Request:
    """A request to measure.

    Attributes:
        bundle: Folder of the bundle.
        inputs: Real texts, or lists of words.
        threads: CPU threads that the predictor may use.
        calls: Texts sent one at a time, going round when there are fewer.
        call_seconds: When to stop sending texts one at a time, even if some are left; at least one is sent.
        batch_seconds: How long to send batches; at least a few are sent.
        batch_size: Texts per batch.
    """

    bundle: str
    inputs: Sequence[str] | Sequence[Sequence[str]]
    threads: int
    calls: int
    call_seconds: float
    batch_seconds: float
    batch_size: int


@dataclass(frozen=True)
class Answer:
    """The raw measurements.

    Attributes:
        rss_before_mb: Memory of the process, libraries and texts in it, before the model was loaded.
        rss_peak_mb: The most memory at any time until the end.
        load_ms: From before the load to the first answer.
        answered_at_s: Time of the first answer, in seconds of the clock that all processes share.
        latencies_ms: One text in, its labels out, each.
        batched_texts: Texts that went through in batches.
        batched_wall_s: Time that these took.
        batched_cpu_s: CPU time that these took, user and system of all threads.
        batched_energy_j: Energy of the processor package meanwhile; None where it cannot be read.
    """

    rss_before_mb: float
    rss_peak_mb: float
    load_ms: float
    answered_at_s: float
    latencies_ms: list[float]
    batched_texts: int
    batched_wall_s: float
    batched_cpu_s: float
    batched_energy_j: float | None


def serve(request: Request) -> Answer:
    """Load, warm up, answer texts one at a time, then in batches."""
    inputs = request.inputs
    rss_before_mb = rss_mb()
    with usage() as load:
        predictor = Predictor.load(request.bundle, threads=request.threads)
        predictor.predict(inputs[:1])
    answered_at_s = time.time()
    for index in range(min(_WARM_UP_TEXTS, len(inputs))):
        predictor.predict(inputs[index : index + 1])

    latencies_ms: list[float] = []
    end = time.perf_counter() + request.call_seconds
    while len(latencies_ms) < request.calls and (not latencies_ms or time.perf_counter() < end):
        index = len(latencies_ms) % len(inputs)
        one = inputs[index : index + 1]
        start_ns = time.perf_counter_ns()
        predictor.predict(one)
        latencies_ms.append((time.perf_counter_ns() - start_ns) / 1e6)

    chunk = request.batch_size * _CHUNK_BATCHES
    batched_texts, end = 0, time.perf_counter() + request.batch_seconds
    energy_j = package_energy_j()
    with usage() as batched:
        while not batched_texts or time.perf_counter() < end:
            start = batched_texts % len(inputs)
            texts = inputs[start : start + chunk]
            predictor.predict(texts, batch_size=request.batch_size)
            batched_texts += len(texts)
    return Answer(
        rss_before_mb=rss_before_mb,
        rss_peak_mb=peak_rss_mb(),
        load_ms=load.wall_s * 1e3,
        answered_at_s=answered_at_s,
        latencies_ms=latencies_ms,
        batched_texts=batched_texts,
        batched_wall_s=batched.wall_s,
        batched_cpu_s=batched.cpu_s,
        batched_energy_j=energy_used_j(energy_j, package_energy_j()),
    )


if __name__ == "__main__":
    json.dump(asdict(serve(Request(**json.load(sys.stdin)))), sys.stdout)
