"""Start-up is measured in the environment that measures it."""

import shutil
import sys
from pathlib import Path

import pytest

from benchmarks import startup


def test_mlflow_runs_the_python_of_this_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make bench` activates no environment, so the `python` of its PATH may be another one."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    found = shutil.which("python", path=startup._environment(tmp_path)["PATH"])
    assert found is not None
    assert Path(found).parent == Path(sys.executable).parent
