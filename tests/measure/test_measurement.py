import logging
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from bundles import COST
from onnx import numpy_helper

from kdops.measure.clean_process import MeasurementError
from kdops.measure.measurement import count_parameters, measure

INPUTS = ["nasi goreng enak", "tidak enak", "", "nasi " * 20]
QUICK = {"calls": 120, "batch_seconds": 0.2}


def test_a_100_mb_model_costs_100_mb(make_bundle: Callable[..., Path]) -> None:
    small, large = make_bundle("small"), make_bundle("large", pieces=250_000, width=100)
    small_cost, large_cost = measure(small, INPUTS, **QUICK), measure(large, INPUTS, **QUICK)
    assert large_cost.parameters - small_cost.parameters == 25_000_000 + 200 - (40 + 8)
    assert large_cost.storage_mb == pytest.approx(100, abs=0.1)
    assert large_cost.storage_mb * 1e6 == sum(path.stat().st_size for path in large.iterdir())
    # The runtime may hold the file beside the weights while it loads.
    assert 95 <= large_cost.ram_model_mb - small_cost.ram_model_mb <= 320
    assert large_cost.ram_peak_mb - small_cost.ram_peak_mb == pytest.approx(
        large_cost.ram_model_mb - small_cost.ram_model_mb, abs=5
    )


def test_numbers_fit_each_other(make_bundle: Callable[..., Path]) -> None:
    cost = measure(make_bundle("small"), INPUTS, **QUICK)
    assert 0 < cost.latency_p50_ms <= cost.latency_p95_ms <= cost.latency_p99_ms < cost.load_ms
    assert cost.ram_peak_mb > cost.ram_model_mb > 0
    # On one thread, CPU time is no more than wall time.
    assert 0 < cost.cpu_ms_per_text <= 1.1e3 / cost.throughput_per_s
    assert cost.load_ms < cost.cold_start_ms
    assert cost.metrics() == {name: value for name, value in asdict(cost).items() if value is not None}


def test_ratios_say_how_many_times_cheaper_the_student_is() -> None:
    teacher = replace(COST, latency_p50_ms=60, ram_peak_mb=800, storage_mb=440, cpu_ms_per_text=50)
    assert COST.ratios(teacher.metrics()) == {"latency": 30, "ram": 10, "storage": 110, "cpu": 25}


def test_a_failing_worker_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"exit code 1(.|\n)*is not a bundle"):
        measure(tmp_path, INPUTS)


@pytest.mark.parametrize(("inputs", "threads"), [([], 1), (INPUTS, 0)])
def test_nothing_to_measure_is_refused(tmp_path: Path, inputs: list[str], threads: int) -> None:
    with pytest.raises(ValueError, match="cannot measure"):
        measure(tmp_path, inputs, threads=threads)


def test_few_calls_are_said(make_bundle: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        measure(make_bundle("small"), INPUTS, calls=50, call_seconds=0, batch_seconds=0)
    assert "percentiles rest on only 1 calls" in caplog.text


def test_the_current_folder_changes_nothing(
    make_bundle: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_bundle("small")
    (tmp_path / "json.py").write_text("raise SystemExit('wrong json')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert measure(Path("small"), INPUTS, calls=5, batch_seconds=0).latency_p50_ms > 0
    assert "PYTHONPATH" not in os.environ


def test_parameters_of_quantised_weights_count_and_their_scales_do_not(tmp_path: Path) -> None:
    graph = onnx.helper.make_graph(
        [],
        "weights",
        [],
        [],
        [
            numpy_helper.from_array(np.zeros((3, 4), dtype=np.int8), "weight"),
            numpy_helper.from_array(np.array(0, dtype=np.int8), "zero_point"),
            numpy_helper.from_array(np.array(0.1, dtype=np.float32), "scale"),
            numpy_helper.from_array(np.zeros((3, 4), dtype=np.int8), "layer_quantized"),
            numpy_helper.from_array(np.zeros(4, dtype=np.int8), "layer_zero_point"),
            numpy_helper.from_array(np.zeros(4, dtype=np.float32), "layer_scale"),
            numpy_helper.from_array(np.zeros(2, dtype=np.float32), "attention_scale"),
            numpy_helper.from_array(np.zeros(5, dtype=np.float32), "bias"),
            numpy_helper.from_array(np.zeros(7, dtype=np.int64), "shape"),
        ],
    )
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "model.onnx"))
    assert count_parameters(tmp_path / "model.onnx") == 12 + 12 + 2 + 5
