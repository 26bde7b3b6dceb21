"""`--help` answers at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from entrypoints.console import COMMANDS

ROOT = Path(__file__).parents[2]
SCRIPT = """\
import atexit, json, runpy, sys, time
heavy = {"torch", "mlflow", "transformers", "datasets", "optuna", "pandas"}
atexit.register(lambda: print(json.dumps([time.process_time(), sorted(heavy & set(sys.modules))])))
sys.argv = [sys.argv[1], "--help"]
runpy.run_module(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_quick(name: str) -> None:
    command = [sys.executable, "-c", SCRIPT, f"entrypoints.{name}"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    *usage, last = done.stdout.splitlines()
    cpu_seconds, imported = json.loads(last)
    assert imported == []
    assert cpu_seconds < 1.5
    assert any(line.strip().startswith(("--dataset ", "--datasets ")) for line in usage)
    assert not [line for line in usage if "[default: default]" in line]


WRONG = """\
import atexit, json, runpy, sys, time
heavy = {"torch", "mlflow", "transformers", "datasets", "optuna", "pandas"}
atexit.register(lambda: print(json.dumps([time.process_time(), sorted(heavy & set(sys.modules))])))
sys.argv = ["distill", "--student", "cnn2", "--trials", "0"]
runpy.run_module("entrypoints.distill", run_name="__main__")
"""


def test_a_wrong_parameter_is_told_before_anything_heavy_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", WRONG], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert [line.partition(";")[0] for line in done.stderr.splitlines()] == [
        "error: unknown student 'cnn2'",
        "error: trials=0: Input should be greater than or equal to 1",
    ]
    cpu_seconds, imported = json.loads(done.stdout)
    assert imported == []
    assert cpu_seconds < 1.5
