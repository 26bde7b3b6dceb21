"""Costs that grow with a cluster: sending work to a process, a text's logits on disk, requests to a server."""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

from benchmarks.setting import part_of, stored_logits
from benchmarks.startup import ROOT
from benchmarks.tables import table
from kdops.data.encoding import encode
from kdops.models.teachers.scratch import scratch_teacher
from kdops.steps.exam.cluster import RayWorkers
from kdops.task import Task
from kdops.training.stored_logits import text_keys
from kdops.training.workers import Workers

_PIECES = 200
_TEXTS = 2_000
_WORDS = 20
_CLASSES = {Task.TEXT: 3, Task.TOKEN: 17}
_ROWS = 40
_GRID = {"teacher": "scratch", "recipes": "kd", "seeds": 1, "workers": 1}
_BUDGET = {"trials": 2, "epochs": 5, "teacher_epochs": 1}
_REQUEST = re.compile(r'"[A-Z]+ /(?!health)\S* HTTP/')
_START_S = 120


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
    """The table of bytes per text that the store of teacher logits takes, of each task."""
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
    stored_logits(store, teacher, encoded, text_keys(inputs), classes)
    stored = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    return {
        "task": str(task),
        "texts": f"{_TEXTS:,} of {_WORDS} words",
        "classes": str(classes),
        "bytes per text": f"{stored / _TEXTS:,.0f}",
    }


def asked_of_a_server() -> str:
    """The table of requests to a tracking server that a cell makes, and an exam beside its cells, as its log has them.

    Of three exams, the first trains the teacher, the second has one more cell to do, and the third finds all finished.
    """
    folder = Path(tempfile.mkdtemp())
    log, dataset = folder / "tracking.log", part_of("sample", _ROWS, folder)
    asked = []
    with _tracking_server(folder, log) as uri:
        for students in ("bilstm", "bilstm,cnn", "bilstm,cnn"):
            before = _requests(log)
            _examine(uri, folder, {"datasets": dataset, "students": students})
            asked.append(_requests(log) - before)
    _, with_a_cell, without = asked
    cell = f"a cell of {_BUDGET['trials']} trials of {_BUDGET['epochs']} epochs, its baseline included"
    rows = {cell: with_a_cell - without, "an exam of two cells, beside these": without}
    return table([{"what": what, "requests to the tracking server": str(count)} for what, count in rows.items()])


def _examine(uri: str, folder: Path, whom: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "entrypoints.exam"]
    for name, value in {**_GRID, **_BUDGET, **whom}.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    settings = {"MLFLOW_TRACKING_URI": uri, "KDOPS_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=folder, env=os.environ | settings, check=True, stdout=subprocess.DEVNULL)


def _requests(log: Path) -> int:
    return len(_REQUEST.findall(log.read_text(encoding="utf-8")))


@contextmanager
def _tracking_server(folder: Path, log: Path) -> Iterator[str]:
    """The address of one with an SQLite file; it writes each request into its log."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with log.open("w") as said:
        server = subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _wait_for(uri: str, server: "subprocess.Popen[bytes]") -> None:
    """Raises RuntimeError if the server ended, or does not answer in time."""
    give_up = time.monotonic() + _START_S
    while server.poll() is None and time.monotonic() < give_up:
        with suppress(OSError), urlopen(f"{uri}/health"):
            return
        time.sleep(0.5)
    raise RuntimeError(f"no tracking server at {uri}")
