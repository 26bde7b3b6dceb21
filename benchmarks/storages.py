"""Trials per hour of an objective that takes no time: studies in a database, and the same behind Optuna's gRPC proxy.

python -m benchmarks.storages postgresql+psycopg://kdops@127.0.0.1:5433/optuna
"""

import multiprocessing
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from socket import socket
from statistics import median

import optuna
from optuna.storages import BaseStorage, GrpcStorageProxy, RDBStorage, run_grpc_proxy_server

from benchmarks.tables import table

_WORKERS, _TRIALS, _ROUNDS = 8, 10, 3
_REPORTS = 5
_HERE = "127.0.0.1"
_SPAWN = multiprocessing.get_context("spawn")


def compare(url: str, workers: int = _WORKERS, trials: int = _TRIALS, rounds: int = _ROUNDS) -> str:
    """The table of trials per hour by each way, which take turns.

    Args:
        url: Of the database, which gets studies of its own that are deleted afterwards.
        workers: Processes at a time.
        trials: Of each of them, in a turn.
        rounds: Turns; the median counts.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    RDBStorage(url)  # makes the tables, before processes that start together would
    with _proxy(url) as port:
        seconds: dict[str, list[float]] = {"direct": [], "gRPC proxy": []}
        for _ in range(rounds):
            seconds["direct"].append(_turn(url, None, workers, trials))
            seconds["gRPC proxy"].append(_turn(url, port, workers, trials))
    count = workers * trials
    return table(
        [
            {
                "storage": way,
                "workers": str(workers),
                "trials per hour": f"{3600 * count / median(took):,.0f}",
                "turns": ", ".join(f"{3600 * count / one:,.0f}" for one in took),
            }
            for way, took in seconds.items()
        ]
    )


def _turn(url: str, port: int | None, workers: int, trials: int) -> float:
    """Seconds from when all workers are ready until the last has done its trials."""
    name = f"storages-{uuid.uuid4().hex}"
    optuna.create_study(study_name=name, storage=url)
    ready = _SPAWN.Barrier(workers + 1)
    processes = [_SPAWN.Process(target=_work, args=(url, port, name, trials, ready)) for _ in range(workers)]
    for process in processes:
        process.start()
    ready.wait()
    started = time.perf_counter()
    for process in processes:
        process.join()
    took = time.perf_counter() - started
    done = len(optuna.load_study(study_name=name, storage=url).trials)
    if done != workers * trials:
        raise RuntimeError(f"{done} of {workers * trials} trials were done")
    optuna.delete_study(study_name=name, storage=url)
    return took


def _work(url: str, port: int | None, name: str, trials: int, ready: Barrier) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage: BaseStorage = RDBStorage(url) if port is None else GrpcStorageProxy(host=_HERE, port=port)
    study = optuna.load_study(study_name=name, storage=storage)
    ready.wait()
    study.optimize(_objective, n_trials=trials)


def _objective(trial: optuna.Trial) -> float:
    """As many parameters and reports as a short trial of a student has."""
    rate = trial.suggest_float("learning_rate", 1e-5, 1e-2, log=True)
    weight = trial.suggest_float("gold_weight", 0, 1)
    loss = trial.suggest_categorical("soft_loss", ["mse", "kl"])
    value = weight - rate - (loss == "kl")
    for epoch in range(_REPORTS):
        trial.report(value, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return value


@contextmanager
def _proxy(url: str) -> Iterator[int]:
    """The port of a proxy before a database, in a process of its own."""
    with socket() as unused:
        unused.bind((_HERE, 0))
        port = int(unused.getsockname()[1])
    process = _SPAWN.Process(target=_serve, args=(url, port), daemon=True)
    process.start()
    GrpcStorageProxy(host=_HERE, port=port).wait_server_ready(timeout=120)
    try:
        yield port
    finally:
        process.terminate()
        process.join()


def _serve(url: str, port: int) -> None:
    run_grpc_proxy_server(RDBStorage(url), host=_HERE, port=port)


if __name__ == "__main__":
    print(compare(sys.argv[1]))
