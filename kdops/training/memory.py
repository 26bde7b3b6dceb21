"""Memory that the allocator keeps of freed buffers, and when it is given back to the system."""

import ctypes

import psutil

_GROWTH = 1.2


def give_freed_memory_back() -> None:
    """Return to the system what the allocator keeps; for loops over batches, every few dozen of them.

    Each length of batch leaves holes that the next one does not fit. glibc alone kept 300 MB of them in a forward pass
    over many texts, and 100 MB if this was called once a hundred batches and not once in sixteen.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


class FreedMemory:
    """Gives freed memory back once the process has grown by a fifth since it last did.

    That bounds the peak whatever the number of steps, and costs next to nothing where batches leave few holes: to give
    back every eight steps took a tenth of a small student's time, since what is given back has to be got anew.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._after_bytes = 0

    def give_back(self) -> None:
        """Look how much the process holds, and give back if that is too much; a few microseconds if not."""
        if self._process.memory_info().rss > _GROWTH * self._after_bytes:
            give_freed_memory_back()
            self._after_bytes = self._process.memory_info().rss
