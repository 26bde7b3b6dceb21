"""The resources that this process may use: cores and memory, in a container too, and the name of the processor.

On Linux they are read from files below `/proc` and `/sys/fs/cgroup`, elsewhere from `os` and psutil.
"""

import math
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kdops.errors import UserError

_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class CgroupFiles:
    """Where Linux keeps the limits of a group of processes (cgroups(7)), and which group this process is in.

    Attributes:
        root: where the groups are mounted.
        membership: one line per hierarchy: `number:controllers:path`, with `0::path` in version 2.
    """

    root: Path = Path("/sys/fs/cgroup")
    membership: Path = Path("/proc/self/cgroup")

    def groups(self, controller: str) -> Iterator[Path]:
        """The folders of this process's group and all groups around it, of both versions; any of them may limit it."""
        for line in _lines(self.membership):
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            top = self.root / controllers if controllers else self.root
            # In a container the path may be the host's, of which only the top is mounted: that is its own group.
            folder = top / path.lstrip("/")
            yield from (one for one in (folder, *folder.parents) if one == top or top in one.parents)


def cores(files: CgroupFiles | None = None) -> int:
    """CPU cores that this process may keep busy: those of its affinity, at most its container's quota, rounded up.

    Args:
        files: the files with the quotas; by default the system's.
    """
    # Python 3.13 has os.process_cpu_count for the first half of this.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = (_quota(group) for group in (files or CgroupFiles()).groups("cpu"))
    return max(1, min([allowed, *(math.ceil(quota) for quota in quotas if quota is not None)]))


def memory_bytes(files: CgroupFiles | None = None) -> int:
    """Physical memory that this process may use, in bytes: the machine's, at most its container's limit.

    Args:
        files: the files with the limits; by default the system's.
    """
    limits = (_memory_limit(group) for group in (files or CgroupFiles()).groups("memory"))
    return min([_physical_bytes(), *(limit for limit in limits if limit is not None)])


def cpu_model() -> str:
    """The name of the processor, or at least its architecture."""
    models = (line.partition(":")[2].strip() for line in _lines(_CPU_INFO) if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def check_system() -> None:
    """Make sure that kdops can work on this system.

    Raises:
        UserError: on Windows.
    """
    if sys.platform == "win32":
        raise UserError("kdops does not run on Windows itself; run it in WSL 2, which is Linux, or on macOS or Linux")


def _quota(group: Path) -> float | None:
    """Cores whose time a group may use; None: as many as there are."""
    limit = _words(group / "cpu.max")  # version 2: quota, or max, and period
    if not limit:
        limit = _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
    if len(limit) != 2 or not all(one.isdecimal() and int(one) for one in limit):
        return None
    return int(limit[0]) / int(limit[1])


def _memory_limit(group: Path) -> int | None:
    """Bytes that a group may hold; None: no limit. Version 1 says that by a number beyond any machine's memory."""
    limit = _words(group / "memory.max") or _words(group / "memory.limit_in_bytes")
    return int(limit[0]) if limit and limit[0].isdecimal() else None


def _physical_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):  # macOS has no count of pages
        import psutil

        return int(psutil.virtual_memory().total)


def _words(file: Path) -> list[str]:
    return [word for line in _lines(file) for word in line.split()]


def _lines(file: Path) -> list[str]:
    """The lines of a file of the system's; none where it is not there, as on other systems, or may not be read."""
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
