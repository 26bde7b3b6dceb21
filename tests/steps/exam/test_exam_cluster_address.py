import socket
import sys
from types import SimpleNamespace

import pytest

from kdops.errors import UserError
from kdops.steps.exam.cluster import RayWorkers, check_cluster


@pytest.fixture(autouse=True)
def _server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")


@pytest.mark.parametrize("address", ["", "local", "auto"])
def test_what_ray_finds_by_itself_is_not_asked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    check_cluster()


@pytest.mark.parametrize("address", ["head", "ray://head:10001", "head:many", ":6379"])
def test_an_address_that_is_none(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=f"RAY_ADDRESS={address} is not the address of a Ray cluster; give host:port"):
        check_cluster()


def test_a_head_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=rf"RAY_ADDRESS={address} does not answer \(Connection refused\)"):
        check_cluster()


def test_a_cluster_needs_a_tracking_store_that_all_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(UserError, match=r"RAY_ADDRESS=10\.0\.0\.1:6379 needs MLFLOW_TRACKING_URI"):
        check_cluster()


@pytest.mark.parametrize(
    ("machines", "uri", "demand", "line"),
    [
        (
            2,
            "sqlite:////x/mlflow.db",
            {},
            r"each of the 2 machines of the Ray cluster would write to a file of its own",
        ),
        (2, "http://10.0.0.9:5000", {}, None),
        (1, "sqlite:////x/mlflow.db", {}, None),
        (1, "http://10.0.0.9:5000", {"num_gpus": 1.0}, r"resources=num_gpus=1: the best machine .* has 0"),
        (1, "http://10.0.0.9:5000", {"num_cpus": 1.5}, r"resources: no halves"),
    ],
)
def test_what_only_the_running_cluster_tells(
    machines: int, uri: str, demand: dict[str, float], line: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mlflow run` always sets the store, so whether all machines reach it is known once they are counted."""

    def remote(*, num_cpus: float, **_: object) -> object:
        if num_cpus % 1:
            raise ValueError("no halves")
        return lambda work: work

    calls: list[str] = []
    nodes = [{"Alive": number < machines, "Resources": {"CPU": 4.0}} for number in range(machines + 1)]
    ray = SimpleNamespace(
        init=lambda *_, **__: calls.append("init"),
        nodes=lambda: nodes,
        remote=remote,
        shutdown=lambda: calls.append("shutdown"),
    )
    monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    if line is None:
        with RayWorkers(2, demand):
            assert calls == ["init"]
    else:
        with pytest.raises(UserError, match=line):
            RayWorkers(2, demand).__enter__()
    assert calls == ["init", "shutdown"]


def test_a_machine_that_is_gone_is_the_death_of_its_workers() -> None:
    exceptions = pytest.importorskip("ray.exceptions", reason="ray is not installed: pip install 'kdops[ray]'")
    gone = {exceptions.NodeDiedError, exceptions.LocalRayletDiedError, exceptions.WorkerCrashedError}
    assert gone <= set(RayWorkers(1, {}).deaths)
