"""Memory of freed buffers: kept by the allocator, or returned to the system.

These are functions of glibc, so of most Linux systems; with another allocator nothing is done, and only time is lost.
"""

import ctypes

# Parameters of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 << 20
# The largest value that glibc accepts.
_LARGEST_REUSED_BYTES = 32 << 20

KEEPS_FREED_MEMORY = {  # names of mallopt(3)
    "MALLOC_TRIM_THRESHOLD_": str(_KEPT_BYTES),
    "MALLOC_MMAP_THRESHOLD_": str(_LARGEST_REUSED_BYTES),
}
"""The environment of a new process that does what `keep_freed_memory` does; other allocators do not read it."""


def give_freed_memory_back() -> None:
    """Return to the system what the allocator keeps; for loops over batches, every few dozen of them.

    Each length of batch leaves holes that the next one does not fit. glibc alone kept 300 MB of them in a forward pass
    over many texts, and 100 MB if this was called once a hundred batches and not once in sixteen.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def keep_freed_memory() -> None:
    """From now on use freed buffers of up to 32 MB again, in this whole process; for programs that train.

    Each step frees what the next one needs again, a gradient of the whole embedding table above all. By itself glibc
    returns that to the system, which hands it out anew page by page: an eighth to a sixth of a BiLSTM's step.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option:
        set_option(_TRIM_THRESHOLD, _KEPT_BYTES)
        set_option(_MMAP_THRESHOLD, _LARGEST_REUSED_BYTES)
