"""A time of day that tests set while programs run, without setting that of the machine."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# What the C library gives to everybody in a process: Python, SQLite, OpenSSL. Time since boot is left alone, as it is
# when the administrator sets a clock.
_SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *shift_s;

__attribute__((constructor)) static void map_shift(void) {
    int file = open(getenv("TEST_CLOCK"), O_RDONLY);
    shift_s = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *shift_s;
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
"""


@dataclass(frozen=True)
class Clock:
    """The clock of all programs that run with its settings in their environment.

    Attributes:
        settings: what of the environment lets a program and its children have this clock.
        shift: a file with the seconds that it is ahead.
    """

    settings: dict[str, str]
    shift: Path

    def set(self, ahead_s: int) -> None:
        """Set it to so many seconds after the real time, or before it."""
        with self.shift.open("r+b") as file:
            file.write(ahead_s.to_bytes(8, sys.byteorder, signed=True))


def make_clock(folder: Path) -> Clock | None:
    """A clock that is right until it is set; None where there is no C compiler."""
    if not shutil.which("cc"):
        return None
    source, library, shift = (folder / f"clock.{end}" for end in ("c", "so", "shift"))
    source.write_text(_SOURCE, encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    shift.write_bytes(bytes(8))
    return Clock({"LD_PRELOAD": str(library), "TEST_CLOCK": str(shift)}, shift)
