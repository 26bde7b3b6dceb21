"""The costs of running a bundle, measured in a clean process."""

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from kdops.deploy.predictor import GRAPH_FILE, Inputs
from kdops.measure.clean_process import ask
from kdops.measure.costs import Cost
from kdops.measure.probes import BYTES_PER_MB
from kdops.measure.worker import Answer, Request

logger = logging.getLogger(__name__)

_NOISE = 0.05
"""Costs that differ by less than this share of the lower one count as equal: measured again, they may change places."""

_WORKER = "kdops.measure.worker"
_FEW_CALLS = 100
# What onnxruntime's quantiser appends to the name of a weight; its scale and zero point stand beside it.
_QUANTISED = "_quantized"
_WEIGHT_TYPES = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT8", "UINT8")


def measure(
    bundle_folder: Path,
    inputs: Inputs,
    *,
    threads: int = 1,
    calls: int = 384,
    call_seconds: float = 5.0,
    batch_seconds: float = 1.5,
    batch_size: int = 32,
) -> Cost:
    """Measure a bundle in a process of its own.

    Args:
        bundle_folder: The bundle.
        inputs: Real texts, or lists of words; up to `calls` of them, drawn with a fixed seed, are used.
        threads: CPU threads that the predictor may use.
        calls: Texts sent one at a time.
        call_seconds: When to stop that, for slow models.
        batch_seconds: How long batches are sent.
        batch_size: Texts per batch.

    Raises:
        ValueError: No inputs, or fewer than one thread.
        MeasurementError: The process failed; the message ends with the last line of its error output.
    """
    if not len(inputs) or threads < 1:
        raise ValueError(f"cannot measure {len(inputs)} inputs on {threads} threads; at least one of each is needed")
    request = Request(
        bundle=str(bundle_folder.resolve()),
        inputs=draw(inputs, calls),
        threads=threads,
        calls=calls,
        call_seconds=call_seconds,
        batch_seconds=batch_seconds,
        batch_size=batch_size,
    )
    began = time.time()
    answer = Answer(**ask(_WORKER, asdict(request), threads=threads))
    if len(answer.latencies_ms) < min(calls, _FEW_CALLS):
        logger.warning("%s: percentiles rest on only %d calls", bundle_folder, len(answer.latencies_ms))
    p50, p95, p99 = np.percentile(answer.latencies_ms, [50, 95, 99]).tolist()
    return Cost(
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        throughput_per_s=answer.batched_texts / answer.batched_wall_s,
        cpu_ms_per_text=answer.batched_cpu_s * 1e3 / answer.batched_texts,
        ram_peak_mb=answer.rss_peak_mb,
        ram_model_mb=answer.rss_peak_mb - answer.rss_before_mb,
        storage_mb=_storage_bytes(bundle_folder) / BYTES_PER_MB,
        load_ms=answer.load_ms,
        cold_start_ms=(answer.answered_at_s - began) * 1e3,
        energy_mj_per_text=_per_text(answer.batched_energy_j, answer.batched_texts),
        parameters=count_parameters(bundle_folder / GRAPH_FILE),
    )


def draw(inputs: Inputs, most: int) -> list[Any]:
    """At most `most` of the inputs, always the same ones.

    Drawn, not the first ones: files are often sorted, and a slow model sees only the beginning.
    """
    rows = random.Random(0).sample(range(len(inputs)), min(most, len(inputs)))
    return [inputs[row] for row in rows]


def count_parameters(graph_file: Path) -> int:
    """Number of weights in an ONNX graph, the same for fp32 and int8: scales and zero points do not count."""
    import onnx  # here, because a step that only reads costs needs none of it

    types = {onnx.TensorProto.DataType.Value(name) for name in _WEIGHT_TYPES}
    initializers = onnx.load(str(graph_file)).graph.initializer
    quantised = [tensor.name.removesuffix(_QUANTISED) for tensor in initializers if tensor.name.endswith(_QUANTISED)]
    scaling = {name + suffix for name in quantised for suffix in ("_scale", "_zero_point")}
    weights = [
        tensor for tensor in initializers if tensor.data_type in types and tensor.dims and tensor.name not in scaling
    ]
    return sum(int(np.prod(tensor.dims)) for tensor in weights)


def _storage_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _per_text(joules: float | None, texts: int) -> float | None:
    return None if joules is None else joules * 1e3 / texts


def cheapest(costs: Sequence[Sequence[float]]) -> list[int]:
    """The places of the cheapest: by their first figure, equals by the second, and so on.

    Args:
        costs: the figures of each, as many for all, the most important first.

    Returns:
        Their places; several where all figures are equal.
    """
    left = list(range(len(costs)))
    for figure in range(len(costs[0])):
        least = min(costs[place][figure] for place in left)
        left = [place for place in left if costs[place][figure] <= least * (1 + _NOISE)]
    return left
