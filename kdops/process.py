"""Who is working: the identity of a process, whether it is gone, and whether it still gets on."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of what follows the name of the program in /proc/<pid>/stat (man 5 proc).
_STATE, _START = 0, 19
_ENDED = "ZX"
_PARENT_POLL_S = 1.0
_BEAT_S = 5.0


def identity() -> str:
    """Name this process among all processes of all machines: `host:pid:start`, the start in clock ticks since boot.

    Not the time of day, which may be set while a process runs.
    """
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_state_and_start(pid)[1]}"


def is_dead(identity: str) -> bool:
    """Whether the named process ran on this host and has ended.

    Args:
        identity: What `identity()` gave in that process.

    Returns:
        True only when it is known to be gone; never for a process of another host, or a name that cannot be read.
    """
    host, _, numbers = identity.partition(":")
    pid, _, start = numbers.partition(":")
    if host != socket.gethostname() or not (pid.isdecimal() and start.isdecimal()):
        return False
    try:
        state, started = _state_and_start(int(pid))
    except (FileNotFoundError, ProcessLookupError):
        return True
    except PermissionError:
        return False
    return state in _ENDED or started != start


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


@contextmanager
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
                os.utime(file)
            seen = used

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
