import socket
import time
from pathlib import Path

import mlflow
import pytest
from servers import answering

from kdops.errors import UserError
from kdops.tracking import runs, server

_SECONDS = 6.0


def test_a_server_that_is_not_there_is_named_within_seconds(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", closed)
    started = time.monotonic()
    with pytest.raises(UserError, match=f"{closed} does not answer.*refused"):
        runs.connect()
    assert time.monotonic() - started < _SECONDS


def test_a_server_that_stays_silent_is_given_up_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(UserError, match=f"{uri} does not answer.*timed out"):
            server.check(uri)
    assert time.monotonic() - started < _SECONDS


def test_a_refused_password_is_named_with_the_variables_that_hold_it(
    guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", guarded)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "alice")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "guessed")
    with pytest.raises(UserError) as caught:
        runs.connect()
    assert str(caught.value) == (
        f"tracking server {guarded} refuses your name or password (status 401): "
        "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to what its admin gave you"
    )


def test_a_server_whose_database_is_gone_does_not_answer() -> None:
    """It is healthy, it says, and cannot answer anything else."""
    with (
        answering(lambda _, path: 200 if path == "/health" else 503) as uri,
        pytest.raises(UserError, match=rf"{uri} does not answer \(status 503\): is its database running\?"),
    ):
        server.check(uri)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("localhost:5000", "'localhost:5000' is neither a server nor a database"),
        ("./mlruns", "'./mlruns' is neither"),
        ("file:///tmp/mlruns", "migrate-filestore"),
        ("ftp://host", "unknown scheme 'ftp'; use http"),
        ("postgresql://[host", "'postgresql://\\[host' cannot be read|cannot be used"),
    ],
)
def test_addresses_that_kdops_cannot_use(uri: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        server.check(uri)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database, whatever its name says\n" * 100, encoding="utf-8")
    with pytest.raises(UserError, match=r"notes\.db cannot be used: file is not a database"):
        server.check(f"sqlite:///{path}")


def test_passwords_are_not_shown() -> None:
    with pytest.raises(UserError) as caught:
        server.check("mysql+nodriver://user:secret@127.0.0.1:9/name")
    assert "secret" not in str(caught.value)


def test_without_a_setting_runs_are_kept_in_the_working_folder(
    tracking_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    runs.connect()
    with runs.tracked(runs.Role.MEASURE, "measure") as run:
        run.text("yes", "here.txt")
    assert mlflow.get_tracking_uri() == tracking_uri
    assert [path.name for path in (tmp_path / "mlruns").rglob("*.txt")] == ["here.txt"]


def test_old_runs_in_a_folder_are_named_instead_of_failing_later(
    tracking_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "meta.yaml").touch()
    with pytest.raises(UserError, match="migrate-filestore"):
        runs.connect()
