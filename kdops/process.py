"""Who is working: the identity of a process, and whether that process is gone."""

import os
import signal
import socket
import threading
import time

# A start time is computed from the clock, which may be set while a process runs; no process id comes back that fast.
_CLOCK_TOLERANCE_S = 2.0
_PARENT_POLL_S = 1.0


def identity() -> str:
    """Name this process among all processes of all machines: `host:pid:start_time`."""
    import psutil

    process = psutil.Process()
    return f"{socket.gethostname()}:{process.pid}:{process.create_time():.2f}"


def is_dead(identity: str) -> bool:
    """Whether the named process ran on this host and has ended.

    Args:
        identity: What `identity()` gave in that process.

    Returns:
        True only when it is known to be gone; never for a process of another host, or a name that cannot be read.
    """
    import psutil

    host, _, numbers = identity.partition(":")
    pid, _, start_time = numbers.partition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        process = psutil.Process(int(pid))
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return bool(abs(process.create_time() - float(start_time)) > _CLOCK_TOLERANCE_S)
    except psutil.NoSuchProcess:
        return True
    except (psutil.AccessDenied, ValueError):
        return False


def end_with_parent(parent: int) -> None:
    """From now on end this process by SIGTERM when its parent is gone: killed, a parent takes no children with it."""
    threading.Thread(target=_watch, args=[parent], daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)
