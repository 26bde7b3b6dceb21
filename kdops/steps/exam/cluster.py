"""Worker processes of a Ray cluster, or of a Ray that is started on this machine."""

import os
import signal
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from math import ceil
from types import TracebackType
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from kdops.errors import UserError
from kdops.training.workers import ONE_THREAD
from kdops.workspace import home

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_ADDRESS = "RAY_ADDRESS"
_TRACKING = "MLFLOW_TRACKING_URI"
_DATABASE_FILE = "sqlite"
_HERE = "local"
_FOUND_BY_RAY = "auto"
_TIMEOUT_S = 4
_OBJECT_STORE_BYTES = 100 * 2**20
_HANDED_ON = ("MLFLOW_", "KDOPS_", "HF_")
# Everybody with access to a cluster sees the settings of its jobs.
_SECRETS = ("PASSWORD", "TOKEN")
# Ray's names of the resources that it knows itself, in a demand and on a machine.
_KNOWN = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}


def check_cluster() -> None:
    """Find out within seconds whether the cluster of `RAY_ADDRESS` is there; Ray itself would try for minutes.

    Raises:
        UserError: if it does not answer, or the address is none.
    """
    address = _address()
    if address == _HERE:
        return
    if not os.environ.get(_TRACKING):
        raise UserError(f"{_ADDRESS}={address} needs {_TRACKING}: all machines of a cluster must reach one store")
    if address == _FOUND_BY_RAY:
        return
    host, port = _host_and_port(address)
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{_ADDRESS}={address} does not answer ({reason}): is the Ray cluster running?") from error


def check_store(machines: int) -> None:
    """Find out whether `machines` machines can write to one tracking store.

    Raises:
        UserError: if each would write to a file of its own; `mlflow run` names one where the user names no store.
    """
    uri = os.environ.get(_TRACKING, "")
    if machines > 1 and uri.startswith(_DATABASE_FILE):
        raise UserError(
            f"{_TRACKING}={uri}: each of the {machines} machines of the Ray cluster would write to a file of its own; "
            "give the address of a tracking server, as in http://10.0.0.9:5000"
        )


class RayWorkers:
    """Workers like those of `kdops.training.workers`, on whichever machines of a cluster have room for them.

    The cluster is `RAY_ADDRESS`; without it one is started here, and ends with the block. A piece of work is a Ray
    task, which Ray itself never begins again. Workers get the settings of kdops, MLflow and the Hugging Face
    libraries, except for passwords and tokens.

    Attributes:
        count: pieces of work at a time.

    Args:
        count: the same.
        demand: what each asks for: `num_cpus`, `num_gpus`, `memory` (bytes), or resources of the cluster's own.
    """

    def __init__(self, count: int, demand: Mapping[str, float]) -> None:
        self.count = count
        self._demand = {"num_cpus": 1.0, **demand}
        self._at_work: dict[Future[Any], Any] = {}

    @property
    def deaths(self) -> tuple[type[Exception], ...]:
        """The exceptions of a piece of work whose process or machine is gone."""
        from ray import exceptions

        return (
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.LocalRayletDiedError,
            exceptions.OutOfMemoryError,
            exceptions.TaskCancelledError,
        )

    def __enter__(self) -> "RayWorkers":
        # Else Ray reports its use over the network.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        # Ray takes SIGTERM for itself.
        handler = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(
                _address(),
                runtime_env={"env_vars": _environment()},
                log_to_driver=False,
                logging_level="WARNING",
                **(self._size if _address() == _HERE else {}),
            )
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"the Ray cluster {_address()} cannot be used: {reason}") from error
        finally:
            signal.signal(signal.SIGTERM, handler)
        try:
            machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            check_store(len(machines))
            self._check_demand(machines)
            self._do = self._task()
        except UserError:
            ray.shutdown()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        import ray

        for work in tuple(self._at_work):
            self.kill(work)
        ray.shutdown()

    def start(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Let a worker do a piece of work as soon as there is room for it; see `Workers.start`."""
        reference = self._do.remote(work, args, kwargs)
        future: Future[Result] = reference.future()
        self._at_work[future] = reference
        future.add_done_callback(self._at_work.pop)
        return future

    def kill(self, work: Future[Any]) -> None:
        """Kill the process that does a piece of work."""
        import ray

        reference = self._at_work.get(work)
        if reference is not None:
            ray.cancel(reference, force=True)

    @property
    def _size(self) -> Mapping[str, object]:
        """The size of a Ray that is started here: all workers fit, whatever the number of cores."""
        cpus = ceil(self.count * self._demand["num_cpus"])
        return {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}

    def _task(self) -> Any:
        import ray

        known = {name: amount for name, amount in self._demand.items() if name in _KNOWN}
        others = {name: amount for name, amount in self._demand.items() if name not in _KNOWN}
        try:
            return ray.remote(max_retries=0, resources=others, **known)(_do)
        except ValueError as error:  # one and a half GPUs, say
            raise UserError(f"resources: {error}") from error

    def _check_demand(self, machines: list[Mapping[str, float]]) -> None:
        for name, amount in self._demand.items():
            most = max((machine.get(_KNOWN.get(name, name), 0) for machine in machines), default=0)
            if amount > most:
                raise UserError(f"resources={name}={amount:g}: the best machine of the Ray cluster has {most:g}")


def _do(work: Callable[..., Result], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
    return work(*args, **kwargs)


def _address() -> str:
    return os.environ.get(_ADDRESS) or _HERE


def _host_and_port(address: str) -> tuple[str, int]:
    try:
        place = urlsplit(f"//{address}")
        if place.hostname and place.port:
            return place.hostname, place.port
    except ValueError:
        pass
    raise UserError(f"{_ADDRESS}={address} is not the address of a Ray cluster; give host:port, as in 10.0.0.1:6379")


def _environment() -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if name.startswith(_HANDED_ON)}
    shown = {name: value for name, value in given.items() if not name.endswith(_SECRETS)}
    return {**shown, **ONE_THREAD, "KDOPS_HOME": str(home().absolute())}
