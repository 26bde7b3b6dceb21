"""Memory that the allocator keeps of freed buffers, and when it is given back to the system."""

import ctypes
import math

import psutil

_GROWTH = 1.15
_SETTLING_STEPS = 8


def give_freed_memory_back() -> None:
    """Return to the system what the allocator keeps; for loops over batches, every few dozen of them.

    Each length of batch leaves holes that the next one does not fit. glibc alone kept 300 MB of them in a forward pass
    over many texts, and 100 MB if this was called once a hundred batches and not once in sixteen.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


class FreedMemory:
    """Gives freed memory back once the process has grown by 15% beyond what it works with.

    What it works with is the least that it held eight steps after giving back. Beside what it held at once, each step
    would count as growth: a CNN then gave back every dozen steps and took a fifth more time, since what is given
    back has to be got anew. The bound does not rise with the number of steps.
    """

    def __init__(self) -> None:
        give_freed_memory_back()
        self._process = psutil.Process()
        self._working_bytes = math.inf
        self._steps = 0

    def after_step(self) -> None:
        """Look how much the process holds, and give back if that is too much; a few microseconds if not."""
        held_bytes = self._process.memory_info().rss
        self._steps += 1
        if self._steps == _SETTLING_STEPS:
            self._working_bytes = min(held_bytes, self._working_bytes)
        elif self._steps > _SETTLING_STEPS and held_bytes > _GROWTH * self._working_bytes:
            give_freed_memory_back()
            self._steps = 0
