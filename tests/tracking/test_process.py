import subprocess
import sys

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
    assert process.is_dead(f"{host}:{pid}:{float(started) - 60}")


def test_nothing_is_known_of_other_hosts_and_of_names_that_cannot_be_read() -> None:
    _, pid, started = process.identity().split(":")
    assert not process.is_dead(f"elsewhere:{int(pid) + 1}:{started}")
    assert not process.is_dead("")
    assert not process.is_dead("a:b:c")
