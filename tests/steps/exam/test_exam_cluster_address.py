import socket

import pytest

from kdops.errors import UserError
from kdops.steps.exam.cluster import check_cluster


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
