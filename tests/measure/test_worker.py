import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from kdops.measure.worker import Request, serve

ROOT = Path(__file__).parents[2]


def request(folder: Path, **changes: object) -> dict[str, object]:
    return {
        "bundle": str(folder),
        "inputs": ["nasi goreng enak", "tidak enak", ""],
        "threads": 1,
        "calls": 7,
        "call_seconds": 10.0,
        "batch_seconds": 0.1,
        "batch_size": 2,
        **changes,
    }


def test_it_answers_and_imports_only_the_predictor_and_the_standard_library(make_bundle: Callable[..., Path]) -> None:
    code = (
        "import runpy, sys; runpy.run_module('kdops.measure.worker', run_name='__main__'); print(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(request(make_bundle("small"))),
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    first_line, modules = done.stdout.splitlines()
    answer = json.loads(first_line)
    assert len(answer["latencies_ms"]) == 7
    assert min(answer["latencies_ms"]) > 0
    assert answer["rss_peak_mb"] > answer["rss_before_mb"] > 0
    assert answer["load_ms"] > max(answer["latencies_ms"])
    assert answer["batched_texts"] > 0
    packages = {name.split(".")[0] for name in modules.split()}
    assert {"torch", "transformers", "mlflow", "datasets", "onnx", "pandas", "psutil"}.isdisjoint(packages)
    assert {name for name in modules.split() if name.startswith("kdops")} <= {
        "kdops",
        "kdops.deploy",
        "kdops.deploy.predictor",
        "kdops.measure",
        "kdops.measure.probes",
        "kdops.measure.worker",
    }


def test_time_bounds_the_calls_but_one_is_always_made(make_bundle: Callable[..., Path]) -> None:
    answer = serve(Request(**request(make_bundle("small"), call_seconds=0.0, batch_seconds=0.0)))  # type: ignore[arg-type]
    assert len(answer.latencies_ms) == 1
    assert answer.batched_texts == 3
    assert answer.batched_wall_s > 0
