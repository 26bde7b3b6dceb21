import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kdops import process


def test_this_process_is_alive() -> None:
    assert not process.is_dead(process.identity())


def test_an_ended_process_of_this_host_is_dead() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from kdops import process; print(process.identity())"],
        capture_output=True,
        text=True,
        check=True,
        cwd=process.__file__.removesuffix("/kdops/process.py"),
    )
    assert process.is_dead(ended.stdout.strip())


def test_a_process_id_that_was_used_again_names_a_dead_process() -> None:
    host, pid, started = process.identity().split(":")
    assert process.is_dead(f"{host}:{pid}:{int(started) - 60}")


def test_nothing_is_known_of_other_hosts_and_of_names_that_cannot_be_read() -> None:
    _, pid, started = process.identity().split(":")
    assert not process.is_dead(f"elsewhere:{int(pid) + 1}:{started}")
    assert not process.is_dead("")
    assert not process.is_dead("a:b:c")


def test_setting_the_clock_kills_nobody() -> None:
    """The start is counted from boot, which no clock changes."""
    started = int(process.identity().rpartition(":")[2]) / os.sysconf("SC_CLK_TCK")
    assert 0 < started < time.clock_gettime(time.CLOCK_BOOTTIME)


def test_a_heart_beats_only_while_its_thread_gets_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_BEAT_S", 0.05)
    file = tmp_path / "log"
    file.touch()
    os.utime(file, (0, 0))
    with process.heartbeat(file):
        # One long wait uses no CPU time until it is over.
        time.sleep(1.5)
        waited = file.stat().st_mtime
        assert 0 < waited < time.time() - 0.75
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            pass
        assert file.stat().st_mtime > waited + 0.75
    ended = file.stat().st_mtime_ns
    time.sleep(0.2)
    assert file.stat().st_mtime_ns == ended
