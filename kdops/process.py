"""Who is working: the identity of a process, whether it is gone, and whether it still gets on."""

import contextlib
import hashlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Of what follows the name of the program in /proc/<pid>/stat (man 5 proc).
_STATE, _START = 0, 19
_ENDED = "ZX"
_MACHINE = Path("/etc/machine-id")
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_INITIAL_NAMESPACE = "4026531836"  # PROC_PID_INIT_INO of the kernel: outside of any container
_PARENT_POLL_S = 1.0
_BEAT_S = 5.0


class _Place(NamedTuple):
    """Where a process id means something; what cannot be read is empty.

    Attributes:
        host: a name, which containers and machines may share.
        machine: stays when the machine starts again; containers of one image may share it.
        boot: of this one start of a kernel.
        namespace: of process ids; a container has its own.
    """

    host: str
    machine: str
    boot: str
    namespace: str


def identity() -> str:
    """Name this process among all processes of all machines: `host:pid:start:machine:boot:namespace`.

    The start is in clock ticks since boot, not the time of day, which may be set while a process runs. What follows it
    tells machines and containers of one host name apart.
    """
    pid, place = os.getpid(), _place()
    return ":".join([place.host, str(pid), _state_and_start(pid)[1], place.machine, place.boot, place.namespace])


def is_dead(identity: str) -> bool:
    """Whether the named process ran on this machine, or in this container, and has ended.

    Args:
        identity: What `identity()` gave in that process.

    Returns:
        True only when it is known to be gone; never for a process of another machine or container, or a name that
        cannot be read, as those that older versions wrote, of host, process id and start alone.
    """
    try:
        host, pid, start, *rest = identity.split(":")
        there, here = _Place(host, *rest), _place()
    except (ValueError, TypeError):
        return False
    if there.host != here.host or not (pid.isdecimal() and start.isdecimal()):
        return False
    if not (there.boot and there.namespace):
        return False
    if there.boot != here.boot:
        return _was_before(there, here)
    return there.namespace == here.namespace and _has_ended(int(pid), start)


def _was_before(there: _Place, here: _Place) -> bool:
    """Whether the one is the other before it started again; of containers, that cannot be known."""
    same = bool(there.machine) and there.machine == here.machine
    return same and there.namespace == here.namespace == _INITIAL_NAMESPACE


def _has_ended(pid: int, start: str) -> bool:
    try:
        state, started = _state_and_start(pid)
    except (FileNotFoundError, ProcessLookupError):
        return True
    except PermissionError:
        return False
    return state in _ENDED or started != start


def _place() -> _Place:
    machine = _read(_MACHINE)
    # Its manual asks to keep it from strangers, and everybody sees the tags of a run.
    machine = machine and hashlib.sha256(f"kdops {machine}".encode()).hexdigest()[:12]
    namespace = ""
    with contextlib.suppress(OSError):
        namespace = str(_NAMESPACE.stat().st_ino)
    return _Place(socket.gethostname(), machine, _read(_BOOT), namespace)


def _read(file: Path) -> str:
    with contextlib.suppress(OSError):
        return file.read_text(encoding="utf-8").strip()
    return ""


def _state_and_start(pid: int) -> tuple[str, str]:
    # The name of the program, in parentheses, may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return fields[_STATE], fields[_START]


def end_with_parent(parent: int) -> None:
    """From now on end this process by SIGTERM when its parent is gone: killed, a parent takes no children with it."""
    threading.Thread(target=_watch, args=[parent], daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def heartbeat(file: Path) -> Iterator[None]:
    """Touch a file every five seconds in which the calling thread computed anything.

    A thread that waits for what never comes uses no CPU time, so the file keeps its time, as it does when the whole
    process is stopped or gone. Who waits for a lock asks for it again and again, and is alive.

    Args:
        file: must be there.
    """
    clock, ended = time.pthread_getcpuclockid(threading.get_ident()), threading.Event()

    def beat() -> None:
        seen = -1
        while not ended.wait(_BEAT_S):
            used = time.clock_gettime_ns(clock)
            if used > seen:
                # A disk that fails for a moment must not end the beat: who listens would take this for a hang.
                with contextlib.suppress(OSError):
                    os.utime(file)
            seen = used

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
