"""The clean process of measurements, as a module sees it that runs in it."""

import sys
from pathlib import Path

import pytest

from kdops.measure.clean_process import MeasurementError, ask
from kdops.training.memory import KEEPS_FREED_MEMORY

MODULE = "import json, os\nprint(json.dumps(dict(os.environ)))\n"


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a process that is asked by a worker that trains with one thread."""
    (tmp_path / "shows_its_environment.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name, value in KEEPS_FREED_MEMORY.items():
        monkeypatch.setenv(name, value)
    return ask("shows_its_environment", {"bundle": "none"}, threads=3)


def test_it_has_as_many_threads_as_asked_for(seen: dict[str, str]) -> None:
    assert {seen[f"{library}_NUM_THREADS"] for library in ("OMP", "OPENBLAS", "MKL", "RAYON")} == {"3"}


def test_it_may_be_of_another_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "names_its_interpreter.py").write_text("import json, sys\nprint(json.dumps({'it': sys.executable}))\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    other = tmp_path / "another-python"
    other.symlink_to(sys.executable)
    assert ask("names_its_interpreter", {"bundle": "none"}, threads=1, python=str(other)) == {"it": str(other)}


def test_it_is_ended_when_its_time_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sleeps.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(MeasurementError, match="measuring x took more than 1 s"):
        ask("sleeps", {"bundle": "x"}, threads=1, timeout_s=1)


def test_its_memory_is_kept_as_in_production(seen: dict[str, str]) -> None:
    assert seen.keys().isdisjoint(KEEPS_FREED_MEMORY)
