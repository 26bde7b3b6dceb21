"""A bundle behind HTTP: how much of what it answers alone is left, beside MLflow's server, and FastAPI with a BERT."""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.asking import Answer, Request
from benchmarks.pipeline_service import FOLDER
from benchmarks.tables import table
from kdops import machine
from kdops.measure.clean_process import ask
from kdops.measure.probes import BYTES_PER_MB

_CLIENTS = 4
_TEXTS = (1, 32)
_SECONDS = 5.0
_PATIENCE_S = 180
_ALONE = "predictor alone"


class ServiceError(RuntimeError):
    """A server that does not answer."""


@dataclass(frozen=True)
class Service:
    """A server.

    Attributes:
        name: for the table.
        command: what starts it; `PORT` and `WORKERS` stand for those numbers.
        environment: of it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Turn:
    """The measurements of one way to serve, in one round.

    Attributes:
        per_s: requests per second, of all clients.
        p50_ms: half of the requests took no longer.
        p99_ms: 99 of 100 took no longer.
        cpu_ms: CPU time of server and clients, a request.
        worker_mb: RAM of the largest process.
        all_mb: RAM of all processes.
    """

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    worker_mb: float
    all_mb: float


def services(bundle: Path, model_uri: str, teacher: Path) -> list[Service]:
    """The servers that are compared.

    Args:
        bundle: for `kdops serve`.
        model_uri: the same, as a registered version or a folder of MLflow's.
        teacher: a fine-tuned model's folder.
    """
    python, address = [sys.executable, "-m"], ["--port", "PORT", "--workers", "WORKERS"]
    kdops = [*python, "entrypoints.console", "serve", str(bundle)]
    mlflow = [*python, "mlflow", "models", "serve", "-m", model_uri, "--env-manager", "local"]
    plain = [*python, "uvicorn", "benchmarks.pipeline_service:application", "--factory", "--no-access-log"]
    return [
        Service("`kdops serve`", [*kdops, *address], {}),
        Service("`mlflow models serve`", [*mlflow, *address], {}),
        Service("FastAPI, pipeline, teacher", [*plain, *address], {FOLDER: str(teacher)}),
    ]


def compare(bundle: Path, compared: Sequence[Service], texts: Sequence[str], rounds: int) -> str:
    """The table: servers with a worker for each core and four clients on the same cores, in turns with the predictor.

    Args:
        bundle: of a text classifier.
        compared: servers.
        texts: of about the length that is asked for; 32 of them at least.
        rounds: turns of each.
    """
    turns: dict[tuple[str, int], list[Turn]] = {}
    for _ in range(rounds):
        for count in _TEXTS:
            turns.setdefault((_ALONE, count), []).append(_alone(bundle, texts[:count]))
        for service in compared:
            with _running(service) as (port, process):
                for count in _TEXTS:
                    turns.setdefault((service.name, count), []).append(_asked(port, process, texts[:count]))
    return table([_row(name, count, found, turns[_ALONE, count]) for (name, count), found in turns.items()])


def _row(name: str, count: int, turns: Sequence[Turn], alone: Sequence[Turn]) -> dict[str, str]:
    def median(of: str) -> float:
        return float(statistics.median(getattr(turn, of) for turn in turns))

    # Each turn beside the predictor's of the same round, when the machine was as busy. CPU time does not mind who else
    # is there; requests per second do, where a request is handed from process to process.
    beside = list(zip(turns, alone, strict=True))
    speed = statistics.median(turn.per_s / other.per_s for turn, other in beside)
    work = statistics.median(other.cpu_ms / turn.cpu_ms for turn, other in beside)
    return {
        "way": name,
        "texts per request": str(count),
        "requests per second": f"{median('per_s'):,.0f}",
        "of the predictor alone": f"{speed:.0%}",
        "CPU, ms": f"{median('cpu_ms'):.2f}",
        "of it the predictor's": f"{work:.0%}",
        "p50, ms": f"{median('p50_ms'):.2f}",
        "p99, ms": f"{median('p99_ms'):.2f}",
        "RAM of a worker, MB": f"{median('worker_mb'):.0f}" if median("worker_mb") else "",
        "of all, MB": f"{median('all_mb'):.0f}" if median("all_mb") else "",
    }


def _alone(bundle: Path, texts: Sequence[str]) -> Turn:
    """As many processes as there are cores, each with a predictor, and nobody between."""
    requests = [Request(texts, _SECONDS, bundle=str(bundle))] * machine.cores()
    return _turn(_at_once(requests), 0, 0, 0)


def _asked(port: int, process: int, texts: Sequence[str]) -> Turn:
    family = [psutil.Process(process), *psutil.Process(process).children(recursive=True)]
    before_s = _cpu_s(family)
    answers = _at_once([Request(texts, _SECONDS, port)] * _CLIENTS)
    cpu_s = _cpu_s(family) - before_s
    sizes = [one.memory_info().rss / BYTES_PER_MB for one in family]
    return _turn(answers, cpu_s, max(sizes), sum(sizes))


def _cpu_s(family: Sequence[psutil.Process]) -> float:
    return float(sum(one.cpu_times().user + one.cpu_times().system for one in family))


def _at_once(requests: Sequence[Request]) -> list[Answer]:
    with ThreadPoolExecutor(len(requests)) as threads:
        asked = [threads.submit(ask, "benchmarks.asking", asdict(request), threads=1) for request in requests]
        return [Answer(**one.result()) for one in asked]


def _turn(answers: Sequence[Answer], server_cpu_s: float, worker_mb: float, all_mb: float) -> Turn:
    ms = np.concatenate([answer.ms for answer in answers])
    p50_ms, p99_ms = np.percentile(ms, [50, 99])
    cpu_ms = 1000 * (server_cpu_s + sum(answer.cpu_s for answer in answers)) / len(ms)
    per_s = sum(answer.per_s for answer in answers)
    return Turn(per_s, float(p50_ms), float(p99_ms), cpu_ms, worker_mb, all_mb)


@contextmanager
def _running(service: Service) -> Iterator[tuple[int, int]]:
    """Port and process id of a server that answers."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = int(unused.getsockname()[1])
    words = {"PORT": str(port), "WORKERS": str(machine.cores())}
    command = [words.get(word, word) for word in service.command]
    # The programs that MLflow starts are looked for on the PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"} | dict(service.environment)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        family: list[psutil.Process] = []
        try:
            _wait(f"http://127.0.0.1:{port}/ping", process)
            family = psutil.Process(process.pid).children(recursive=True)
            yield port, process.pid
        except ServiceError as error:
            said.seek(0)
            raise ServiceError(f"{error}:\n{said.read().decode(errors='replace')}") from error
        finally:
            process.terminate()
            process.wait(60)
            for one in family:  # MLflow's server leaves some behind
                if one.is_running():
                    one.terminate()


def _wait(address: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > end:
                raise ServiceError(f"{process.args!r} does not answer") from error
            time.sleep(0.2)
