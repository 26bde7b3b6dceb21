"""What a cluster's size costs: a piece of work handed to a worker process, a text's teacher logits on disk."""

import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.tables import table
from kdops.data.encoding import encode
from kdops.models.teacher import scratch_teacher
from kdops.steps.exam.cluster import RayWorkers
from kdops.task import Task
from kdops.training.signals import teacher_signals, text_keys
from kdops.training.workers import Workers

_PIECES = 200
_TEXTS = 2_000
_WORDS = 20
_CLASSES = {Task.TEXT: 3, Task.TOKEN: 17}


def handing_over() -> str:
    """The table of pieces of work that do nothing, one after the other, by one worker; Ray's where it is installed."""
    ways: dict[str, Callable[[], AbstractContextManager[Workers | RayWorkers]]] = {"one machine": lambda: Workers(1)}
    if importlib.util.find_spec("ray"):
        ways["Ray of this machine"] = lambda: RayWorkers(1, {})
    return table([_handed_over(name, make) for name, make in ways.items()])


def _handed_over(name: str, make: Callable[[], AbstractContextManager[Workers | RayWorkers]]) -> Mapping[str, str]:
    with make() as workers:
        started = time.perf_counter()
        workers.start(os.getpid).result()
        first_s = time.perf_counter() - started
        started = time.perf_counter()
        for _ in range(_PIECES):
            workers.start(os.getpid).result()
        each_ms = 1000 * (time.perf_counter() - started) / _PIECES
    return {
        "workers": name,
        "first piece of work, s": f"{first_s:.1f}",
        f"each of the next {_PIECES}, ms": f"{each_ms:.1f}",
    }


def logits_on_disk() -> str:
    """The table of bytes a text that the store of teacher logits takes, of each task."""
    return table([_stored(task, classes) for task, classes in _CLASSES.items()])


def _stored(task: Task, classes: int) -> Mapping[str, str]:
    rows = [
        [*(f"kata{(number + place) % 100}" for place in range(_WORDS - 1)), str(number)] for number in range(_TEXTS)
    ]
    texts = [" ".join(words) for words in rows]
    inputs = rows if task is Task.TOKEN else texts
    teacher = scratch_teacher(texts, task, [str(number) for number in range(classes)])
    store = Path(tempfile.mkdtemp())
    encoded = encode(teacher.tokenizer, inputs, task, max_length=128)
    teacher_signals(store, teacher.model, encoded, text_keys(inputs), classes=classes, pad_id=teacher.pad_id)
    stored = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    return {
        "task": str(task),
        "texts": f"{_TEXTS:,} of {_WORDS} words",
        "classes": str(classes),
        "bytes a text": f"{stored / _TEXTS:,.0f}",
    }
