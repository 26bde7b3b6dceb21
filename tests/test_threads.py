import subprocess
import sys
from pathlib import Path

import pytest

from kdops import threads
from kdops.threads import allowed_workers, use_threads, variables

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 4)


@pytest.mark.parametrize(
    ("asked", "said", "expected"), [(None, None, 4), (None, "3", 3), (2, None, 2), (2, "3", 2), (None, "many", 4)]
)
def test_threads_are_the_users_or_one_per_core(asked: int | None, said: str | None, expected: int) -> None:
    environment = {} if said is None else {"OMP_NUM_THREADS": said}
    assert use_threads(asked, environment) == expected
    assert environment == variables(expected)
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"


@pytest.mark.parametrize(("said", "memory_gb", "expected"), [(None, 64, 4), ("3", 64, 3), (None, 5, 2), ("1", 1, 1)])
def test_workers_are_as_many_as_threads_and_memory_allow(
    said: str | None, memory_gb: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "memory_bytes", lambda: memory_gb << 30)
    assert allowed_workers({} if said is None else {"OMP_NUM_THREADS": said}) == expected


def test_how_threads_wait_is_the_users_to_say() -> None:
    environment = {"OMP_WAIT_POLICY": "ACTIVE"}
    use_threads(2, environment)
    assert environment["OMP_WAIT_POLICY"] == "ACTIVE"
    assert environment["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize("count", [1, 2])
def test_torch_heeds_them(count: int) -> None:
    code = f"from kdops.threads import use_threads; use_threads({count}); import torch; print(torch.get_num_threads())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == f"{count}\n"
    assert done.stderr == ""


def test_coming_too_late_is_said() -> None:
    code = "import numpy; from kdops.threads import use_threads; use_threads(3)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "numpy was imported before" in done.stderr
