"""How many threads the libraries of a process use. They read it when they are imported, so it is set before that."""

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping

from kdops.machine import cores, memory_bytes

logger = logging.getLogger(__name__)

_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
# A thread of OpenMP that waits for others spins by default, on a core that one of those may be waiting for.
_SLEEP_WHILE_WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
_READERS = ("torch", "onnxruntime", "numpy")
_WORKER_BYTES = 2 << 30
"""Memory that a worker may need to train a student; one of a BiLSTM on 5,000 texts needs a third of it."""


def variables(count: int) -> dict[str, str]:
    """The environment in which the libraries of a new process use `count` threads, which sleep while they wait."""
    return dict.fromkeys(_COUNTS, str(count)) | _SLEEP_WHILE_WAITING


def allowed_threads(environment: Mapping[str, str] = os.environ) -> int:
    """Threads that may work at a time: the user's `OMP_NUM_THREADS`, or else a thread per core."""
    number = environment.get("OMP_NUM_THREADS", "")
    return int(number) if number.isdecimal() and int(number) else cores()


def allowed_workers(environment: Mapping[str, str] = os.environ) -> int:
    """Processes of one thread that may work at a time: one per allowed thread, if there are 2 GB of memory for each."""
    return max(1, min(allowed_threads(environment), memory_bytes() // _WORKER_BYTES))


def use_threads(count: int | None = None, environment: MutableMapping[str, str] = os.environ) -> int:
    """Let this process and those it starts use `count` threads; to be called before anything heavy is imported.

    Args:
        count: of threads; None: as many as `allowed_threads` gives.
        environment: where that is set. The user's own settings of how threads wait are left alone.

    Returns:
        The number of threads.
    """
    threads = count or allowed_threads(environment)
    late = [name for name in _READERS if name in sys.modules]
    if late and environment is os.environ and environment.get("OMP_NUM_THREADS") != str(threads):
        logger.warning("%s was imported before the number of threads was set, and may use another", ", ".join(late))
    environment.update(
        {**variables(threads), **{name: environment[name] for name in _SLEEP_WHILE_WAITING if name in environment}}
    )
    return threads
