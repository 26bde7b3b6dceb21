"""The benchmark of threads trains what it says, with the threads that it says."""

import os

import pytest

from benchmarks import threads


def test_each_way_takes_all_cores_but_the_first() -> None:
    found = threads.ways(4)
    counts = [(int(environment["OMP_NUM_THREADS"]), processes) for environment, processes in found.values()]
    assert counts == [(1, 1), (4, 1), (4, 1), (1, 4)]
    assert sum("OMP_WAIT_POLICY" not in environment for environment, _ in found.values()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("model", ["bert-tiny", "bilstm"])
def test_it_trains(model: str) -> None:
    assert threads.train(model, 0.1) > 0


@pytest.mark.slow
@pytest.mark.nightly
def test_processes_add_up_and_do_not_get_the_callers_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_SECONDS", 0.2)
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "none")
    assert threads._steps_per_s("bilstm", threads.variables(1), 2) > 0
