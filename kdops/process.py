"""Processes: their identity, whether one has ended, signs of life, and an end with the parent.

On Linux by `/proc`, prctl(2) and clocks of threads; elsewhere by psutil, polling, and the clock of the process.
"""

import contextlib
import ctypes
import hashlib
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
# Of what follows the name of the program in /proc/<pid>/stat (man 5 proc).
_STATE, _START = 0, 19
_ENDED = "ZX"
_MACHINE = Path("/etc/machine-id")
_INITIAL_NAMESPACE = "4026531836"  # PROC_PID_INIT_INO of the kernel: outside of any container
_NO_NAMESPACES = "none"
_PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
_PARENT_POLL_S = 0.5
_BEAT_S = 5.0
_WORK_A_BEAT_NS = 5_000_000
_CLOCK_SET_US = 60_000_000


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
    tells machines and containers of one host name apart. Without `/proc` the start is in microseconds of the time of
    day, as the system wrote it down then, and what stands for the boot is the address of the network card.
    """
    pid, place = os.getpid(), _place()
    return ":".join([place.host, str(pid), _state_and_start(pid)[1], place.machine, place.boot, place.namespace])


def is_dead(identity: str) -> bool:
    """Whether the named process ran on this machine, or in this container, and has ended.

    Args:
        identity: What `identity()` gave in that process.

    Returns:
        True only when it is known to be gone; never for a process of another machine or container, or a name that
        cannot be read.
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
    """Whether one place is the other before the machine was restarted; for containers that cannot be known."""
    same = bool(there.machine) and there.machine == here.machine
    return same and there.namespace == here.namespace == _INITIAL_NAMESPACE


def _has_ended(pid: int, start: str) -> bool:
    try:
        state, started = _state_and_start(pid)
    except (FileNotFoundError, ProcessLookupError):
        return True
    except PermissionError:
        return False
    # Where the start is a time of day, psutil moves it when the clock is set.
    tolerance = 0 if _has_proc() else _CLOCK_SET_US
    return state in _ENDED or abs(int(started) - int(start)) > tolerance


def _place() -> _Place:
    if not _has_proc():
        card = _network_card()
        return _Place(socket.gethostname(), card, card, _NO_NAMESPACES)
    # Its manual asks to keep it from strangers, and everybody sees the tags of a run.
    machine, boot, namespace = _secret(_read(_MACHINE)), _read(_PROC / "sys/kernel/random/boot_id"), ""
    with contextlib.suppress(OSError):
        namespace = str((_PROC / "self/ns/pid").stat().st_ino)
    return _Place(socket.gethostname(), machine, boot, namespace)


def _has_proc() -> bool:
    return (_PROC / "self/stat").exists()


def _network_card() -> str:
    node = uuid.getnode()
    # Where it finds no card, it makes a number up, and sets this bit: RFC 9562, section 6.10.
    return "" if node >> 40 & 1 else _secret(str(node))


def _secret(text: str) -> str:
    return text and hashlib.sha256(f"kdops {text}".encode()).hexdigest()[:12]


def _read(file: Path) -> str:
    with contextlib.suppress(OSError):
        return file.read_text(encoding="utf-8").strip()
    return ""


def _state_and_start(pid: int) -> tuple[str, str]:
    """The state of a process, one letter, and when it started.

    Raises:
        ProcessLookupError, FileNotFoundError: there is none.
    """
    if not _has_proc():
        return _state_and_start_elsewhere(pid)
    # The name of the program, in parentheses, may hold anything.
    fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return fields[_STATE], fields[_START]


def _state_and_start_elsewhere(pid: int) -> tuple[str, str]:
    import psutil

    try:
        process = psutil.Process(pid)
        state = "Z" if process.status() == psutil.STATUS_ZOMBIE else "R"
        return state, str(round(process.create_time() * 1e6))
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(pid) from error
    except psutil.AccessDenied as error:
        raise PermissionError(pid) from error


def end_with_parent(parent: int, by: signal.Signals = signal.SIGTERM) -> None:
    """From now on end this process when its parent is gone: killed, a parent takes no children with it.

    Args:
        parent: its process id.
        by: SIGTERM lets it clean up. SIGKILL ends it even while it is stopped, where Linux's kernel sends it: already
            when the thread that started this process ends.
    """
    if by is signal.SIGKILL and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
    threading.Thread(target=_watch, args=[parent, by], daemon=True).start()


def _watch(parent: int, by: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_S)
    os.kill(os.getpid(), by)


@contextlib.contextmanager
def heartbeat(file: Path) -> Iterator[None]:
    """Touch a file every five seconds in which the calling thread computed anything.

    A thread that waits for what never comes uses no CPU time, so the file keeps its time, as it does when the whole
    process is stopped or gone. A thread that waits for a lock polls it, so it counts as alive. Where threads have no
    clocks, as on macOS, the CPU time of the whole process counts, without that of the heartbeat: 5 ms of it per beat.

    Args:
        file: must be there.
    """
    worker, ended = threading.get_ident(), threading.Event()

    def beat() -> None:
        clock, least_ns = _work_clock(worker)
        seen = -1 - least_ns
        while not ended.wait(_BEAT_S):
            used = clock()
            if used > seen + least_ns:
                # A disk that fails for a moment must not end the beat, which would look like a hang.
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


def _work_clock(thread: int) -> tuple[Callable[[], int], int]:
    """A clock, in ns, of the CPU time of a thread, and by how much it runs on although that thread does nothing."""
    if hasattr(time, "pthread_getcpuclockid"):
        clock = time.pthread_getcpuclockid(thread)
        return lambda: time.clock_gettime_ns(clock), 0
    return lambda: time.process_time_ns() - time.thread_time_ns(), _WORK_A_BEAT_NS
