"""`--help` answers at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """\
import atexit, json, runpy, sys, time
heavy = {"torch", "mlflow", "transformers", "datasets", "optuna", "pydantic"}
atexit.register(lambda: print(json.dumps([time.process_time(), sorted(heavy & set(sys.modules))])))
sys.argv = [sys.argv[1], "--help"]
runpy.run_module(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("name", ["train_teacher", "distill", "promote", "export", "main", "list_datasets", "exam"])
def test_help_is_quick(name: str) -> None:
    command = [sys.executable, "-c", SCRIPT, f"entrypoints.{name}"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    *usage, last = done.stdout.splitlines()
    cpu_seconds, imported = json.loads(last)
    assert imported == []
    assert cpu_seconds < 1.5
    assert any(line.strip().startswith(("--dataset ", "--datasets ")) for line in usage)
