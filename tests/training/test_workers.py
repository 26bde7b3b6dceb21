import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from kdops.training.workers import WorkerDied, Workers

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, time
from kdops.training.workers import Workers
with Workers(1) as workers:
    workers.start(os.getpid).result()
    working = workers.start(time.sleep, 60)
    print("working", flush=True)
    working.result()
"""


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def what_it_is() -> tuple[int, str, bool]:
    ignores = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return os.getpid(), os.environ["OMP_NUM_THREADS"], ignores


def new_pages_of_twenty_steps() -> int:
    """Pages that the system hands out in twenty steps, each of which fills and frees 20 MB."""
    pages = []
    for _ in range(21):
        bytearray(b"1") * 20_000_000
        pages.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    return pages[-1] - pages[0]


def refuse() -> None:
    raise ValueError("out of luck")


def log() -> None:
    import logging

    logging.getLogger("kdops.anything").warning("said")


def worker_processes(parent: int) -> list[psutil.Process]:
    return [one for one in psutil.Process(parent).children() if "LokyProcess" in " ".join(one.cmdline())]


def test_workers_are_processes_of_one_thread_that_leave_ctrl_c_to_their_parent() -> None:
    with Workers(2) as workers:
        first, second = (workers.start(what_it_is) for _ in range(2))
        (one, threads, ignores), (other, *_) = first.result(), second.result()
        assert len({one, other, os.getpid()}) == 3
        assert (threads, ignores) == ("1", True)
        # They stay for the next piece of work.
        assert workers.start(os.getpid).result() in (one, other)
    assert not psutil.pid_exists(one) or psutil.Process(one).status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other allocators")
def test_workers_use_again_what_a_step_freed() -> None:
    with Workers(1) as workers:
        assert workers.start(new_pages_of_twenty_steps).result() < 20_000_000 / resource.getpagesize()


def test_the_death_of_one_leaves_the_others_at_work_and_it_is_replaced() -> None:
    with Workers(2) as workers:
        slow, killed = workers.start(time.sleep, 2), workers.start(kill_me)
        with pytest.raises(WorkerDied):
            killed.result()
        assert not slow.done()
        assert workers.start(os.getpid).result() > 0
        assert slow.result() is None


def test_an_error_is_handed_on_and_ends_nothing() -> None:
    with Workers(1) as workers:
        before = workers.start(os.getpid).result()
        with pytest.raises(ValueError, match="out of luck"):
            workers.start(refuse).result()
        assert workers.start(os.getpid).result() == before


def test_an_exception_ends_what_is_at_work() -> None:
    began = time.monotonic()
    workers = Workers(1)
    working = workers.start(time.sleep, 60)
    workers.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert time.monotonic() - began < 20
    assert working.done()


def test_log_lines_say_who_speaks(capfd: pytest.CaptureFixture[str]) -> None:
    with Workers(1) as workers:
        workers.start(log).result()
    assert "worker 1: said" in capfd.readouterr().err


@pytest.mark.parametrize("stopped", [False, True])
def test_workers_end_when_their_parent_is_killed(stopped: bool) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"working\n"
        (worker,) = worker_processes(parent.pid)
        if stopped:
            worker.suspend()
        parent.kill()
    _, alive = psutil.wait_procs([worker], timeout=10)
    for one in alive:
        one.kill()
    assert alive == []
