"""Time and memory of this process, read from the kernel's own accounts.

Standard library only where Linux's `/proc` is there, so that reading costs nothing and brings nothing along.
Megabytes are decimal (1 MB = 1,000,000 bytes) everywhere.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BYTES_PER_MB = 1_000_000

_STATUS = Path("/proc/self/status")


@dataclass
class Usage:
    """Time that passed and CPU time, user and system of all threads, that the process used; filled at the end."""

    wall_s: float = float("nan")
    cpu_s: float = float("nan")


@contextmanager
def usage() -> Iterator[Usage]:
    """Measure the time of a block."""
    measured = Usage()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield measured
    finally:
        measured.wall_s, measured.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


def rss_mb() -> float:
    """Physical memory that the process holds now, in MB."""
    if _STATUS.exists():
        return _status_mb("VmRSS")
    import psutil

    return float(psutil.Process().memory_info().rss) / BYTES_PER_MB


def peak_rss_mb() -> float:
    """The most physical memory that the process ever held, in MB."""
    if _STATUS.exists():
        # Not ru_maxrss: on Linux that one outlives exec, so a small child of a large process reads large.
        return _status_mb("VmHWM")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / BYTES_PER_MB


def package_energy_j(counters: Path = Path("/sys/class/powercap")) -> float | None:
    """Energy that the processor packages have used so far, in joules, by RAPL; None where that cannot be read.

    The counters start again from 0 after some minutes to hours; see `energy_used_j`.
    """
    try:
        packages = [path for path in counters.glob("intel-rapl:*") if path.name.count(":") == 1]
        values = [int((path / "energy_uj").read_text()) for path in packages]
    except OSError:
        return None
    return sum(values) / 1e6 if values else None


def energy_used_j(before_j: float | None, after_j: float | None) -> float | None:
    """Energy between two readings of `package_energy_j`; None where one is missing or a counter began again."""
    if before_j is None or after_j is None or after_j < before_j:
        return None
    return after_j - before_j


def _status_mb(name: str) -> float:
    for line in _STATUS.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024 / BYTES_PER_MB
    raise OSError(f"{_STATUS} has no {name}")
