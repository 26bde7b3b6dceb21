import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kdops import process

ROOT = Path(__file__).parents[1]
FIELDS = ("host", "pid", "start", "machine", "boot", "namespace")
HIGHEST_PID = 2**22  # of any kernel
INITIAL = process._INITIAL_NAMESPACE


def test_this_process_is_alive() -> None:
    assert not process.is_dead(process.identity())


def test_an_ended_process_of_this_host_is_dead() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from kdops import process; print(process.identity())"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert process.is_dead(ended.stdout.strip())


def like_this(**changed: object) -> str:
    """The name of a process that differs from this one in what is given."""
    fields = dict(zip(FIELDS, process.identity().split(":"), strict=True))
    return ":".join(str(value) for value in (fields | changed).values())


def test_a_process_id_that_was_used_again_names_a_dead_process() -> None:
    started = int(process.identity().split(":")[2])
    assert process.is_dead(like_this(start=started - 60))
    assert process.is_dead(like_this(pid=HIGHEST_PID + 1))


@pytest.mark.parametrize("name", ["", "a:b:c", "a:b:c:d:e:f", ":" * 5, ":" * 9])
def test_nothing_is_known_of_names_that_cannot_be_read(name: str) -> None:
    assert not process.is_dead(name)


def test_nothing_is_known_of_processes_whose_name_older_versions_wrote() -> None:
    """These named the host, which two containers may share, and nothing else of the place."""
    assert not process.is_dead(like_this(pid=HIGHEST_PID + 1).rsplit(":", 3)[0])


@pytest.mark.parametrize(
    "elsewhere",
    [{"host": "elsewhere"}, {"machine": "another", "boot": "another"}, {"namespace": 4026532000}],
    ids=["another host", "another machine of this name", "another container of this name"],
)
def test_nothing_is_known_of_processes_elsewhere(elsewhere: dict[str, object]) -> None:
    assert not process.is_dead(like_this(pid=HIGHEST_PID + 1, **elsewhere))


def place(monkeypatch: pytest.MonkeyPatch, machine: str, boot: str, namespace: str) -> None:
    """From now on this process runs there, on a host of the same name."""
    here = process._Place(process._place().host, machine, boot, namespace)
    monkeypatch.setattr(process, "_place", lambda: here)


@pytest.mark.parametrize(
    ("there", "here", "dead"),
    [
        (("machine", "first", INITIAL), ("machine", "second", INITIAL), True),
        (("machine", "first", INITIAL), ("copy", "second", INITIAL), False),
        (("", "first", INITIAL), ("", "second", INITIAL), False),
        (("image", "first", "4026532000"), ("image", "second", "4026532000"), False),
        (("machine", "first", INITIAL), ("machine", "second", "4026532000"), False),
        (("machine", "", INITIAL), ("machine", "second", INITIAL), False),
        (("machine", "first", ""), ("machine", "first", ""), False),
    ],
    ids=[
        "a machine that started again",
        "another machine",
        "machines without an id",
        "containers of one image on two machines",
        "a machine and a container",
        "a boot that cannot be read",
        "a namespace that cannot be read",
    ],
)
def test_what_a_start_of_the_machine_ends(
    there: tuple[str, str, str], here: tuple[str, str, str], dead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(monkeypatch, *there)
    name = like_this(pid=HIGHEST_PID + 1)
    place(monkeypatch, *here)
    assert process.is_dead(name) is dead


@pytest.mark.skipif(not shutil.which("unshare") or os.getuid() != 0, reason="only root may make a container")
def test_a_container_of_the_same_host_name_is_another_place() -> None:
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c"]
    code = "import sys; from kdops import process; print(process.identity(), process.is_dead(sys.argv[1]))"
    done = subprocess.run([*command, code, process.identity()], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        pytest.skip(f"no container can be made here: {done.stderr}")
    name, seen_dead = done.stdout.split()
    assert name.split(":")[0] == process.identity().split(":")[0]
    assert seen_dead == "False"  # this process, seen from there
    assert not process.is_dead(name)


def test_the_id_of_the_machine_is_not_told() -> None:
    """As its manual, machine-id(5), asks."""
    assert (process._read(process._MACHINE) or "nothing") not in process.identity()


def test_setting_the_clock_kills_nobody() -> None:
    """The start is counted from boot, which no clock changes."""
    started = int(process.identity().split(":")[2]) / os.sysconf("SC_CLK_TCK")
    assert 0 < started < time.clock_gettime(time.CLOCK_BOOTTIME)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system without Linux's files and calls, such as macOS."""
    monkeypatch.setattr(process, "_PROC", tmp_path / "none")
    monkeypatch.setattr(process.uuid, "getnode", lambda: 0x001122334455)
    monkeypatch.delattr(process.time, "pthread_getcpuclockid")


@pytest.mark.usefixtures("elsewhere")
def test_without_proc_processes_are_told_apart_too() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        start = process._state_and_start(child.pid)[1]
        name = like_this(pid=child.pid, start=start)
        assert not process.is_dead(name)
        used_again, clock_was_set = int(start) - 3600 * 1_000_000, int(start) + 2_000_000
        assert process.is_dead(like_this(pid=child.pid, start=used_again))
        assert not process.is_dead(like_this(pid=child.pid, start=clock_was_set))
        assert not process.is_dead(like_this(pid=child.pid, start=used_again, boot="another card"))
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process.is_dead(name)  # though nobody took note of its end
    assert process.is_dead(name)


@pytest.mark.usefixtures("elsewhere")
def test_without_proc_and_network_card_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.uuid, "getnode", lambda: 0x011122334455)
    assert not process.is_dead(like_this(pid=HIGHEST_PID + 1))


@pytest.mark.usefixtures("elsewhere")
def test_without_clocks_of_threads_the_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test_a_heart_beats_only_while_its_thread_gets_on(tmp_path, monkeypatch)


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
