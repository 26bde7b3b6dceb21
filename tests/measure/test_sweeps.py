import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kdops.measure.clean_process import MeasurementError
from kdops.measure.sweep_worker import SweepRequest, sweep
from kdops.measure.sweeps import sweep_side_by_side

TEXTS = ["nasi goreng enak", "tidak enak", ""]


def test_each_curve_has_its_points(make_bundle: Callable[..., Path]) -> None:
    small, large = make_bundle("small"), make_bundle("large", pieces=5_000, width=64)
    both = sweep_side_by_side([small, large], TEXTS, most_threads=3, rounds=1, seconds=0.01, requests=(10, 20, 200))
    assert len(both) == 2
    for one in both:
        # This bundle reads 32 tokens at most, and has no special ones.
        assert list(one.latency_by_tokens) == [8, 16, 32]
        assert list(one.throughput_by_batch) == [1, 4, 16, 64, 256]
        assert list(one.throughput_by_threads) == [1, 2]
        assert list(one.ram_by_requests) == [10, 20, 200]
        assert min(*one.latency_by_tokens.values(), *one.throughput_by_batch.values()) > 0
        assert one.ram_growth_mb == one.ram_by_requests[200] - one.ram_by_requests[10]


def test_large_batches_answer_more_texts_a_second(make_bundle: Callable[..., Path]) -> None:
    request = SweepRequest(str(make_bundle("small")), TEXTS, 1, [], [1, 64], 0.2, [])
    (_, single), (_, batched) = sweep(request).throughput_per_s
    assert batched > single


def test_longer_texts_take_longer(make_bundle: Callable[..., Path]) -> None:
    request = SweepRequest(str(make_bundle("wide", pieces=2_000, width=4_096)), TEXTS, 1, [2, 32], [], 0.3, [])
    (_, short), (_, long) = sweep(request).latency_p50_ms
    assert long > short


def test_answers_hold_no_memory(make_bundle: Callable[..., Path]) -> None:
    (one,) = sweep_side_by_side([make_bundle("small")], TEXTS, rounds=1, seconds=0.01, requests=(500, 5_000))
    assert one.ram_growth_mb < 2


def test_the_worker_imports_the_predictor_and_nothing_heavier() -> None:
    code = "import sys, kdops.measure.sweep_worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    packages = {name.split(".")[0] for name in done.stdout.split()}
    assert {"torch", "transformers", "mlflow", "datasets", "onnx", "pandas", "psutil"}.isdisjoint(packages)


def test_a_failing_process_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="is not a bundle"):
        sweep_side_by_side([tmp_path], TEXTS)
