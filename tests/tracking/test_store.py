import time
from collections.abc import Iterator

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from servers import answering

from kdops.errors import Stopped
from kdops.tracking import names, runs, store
from kdops.tracking.names import Status

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


@pytest.fixture
def gone(closed: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a server that is not there any more."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", closed)
    monkeypatch.setenv(RETRIES, "1")
    return closed


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that answers, but not as wished."""
    with answering(lambda method, _: 400 if method == "POST" else 200) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        yield uri


def test_a_server_that_went_away_stops_the_work_and_everything_after_that_is_quick(gone: str) -> None:
    run = runs.Run("0" * 32)
    with pytest.raises(Stopped, match=f"tracking server {gone} does not answer .*the same command goes on from there"):
        run.metrics({"loss": 1.0})
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(Stopped):
            run.tags({"state": "failed"})
    assert time.monotonic() - started < 5


def test_what_a_server_refuses_is_no_reason_to_stop(refusing: str) -> None:
    with pytest.raises(MlflowException):
        runs.Run("0" * 32).metrics({"loss": 1.0})


@pytest.mark.parametrize("error", [FileNotFoundError("notes.txt"), ValueError("no")])
def test_errors_of_the_work_itself_stay_what_they_are(error: Exception, tracking_uri: str) -> None:
    with pytest.raises(type(error)), store.answering():
        raise error


def test_work_within_a_run_stops_too(tracking_uri: str, gone: str) -> None:
    def work() -> None:
        with runs.tracked(runs.Role.STUDENT, "student"):
            mlflow.set_tracking_uri(gone)
            mlflow.MlflowClient().search_registered_models()

    mlflow.set_tracking_uri(tracking_uri)
    with pytest.raises(Stopped, match="does not answer"):
        work()
    assert mlflow.active_run() is None


def test_the_users_own_patience_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RETRIES, "3")
    store.be_patient()
    assert store.os.environ[RETRIES] == "3"
    monkeypatch.delenv(RETRIES)
    store.be_patient()
    assert store.os.environ[RETRIES] == "5"


@pytest.mark.usefixtures("tracking_uri")
@pytest.mark.parametrize("status", [Status.KILLED, Status.FINISHED])
def test_a_run_that_was_marked_failed_afterwards_gets_its_own_status_back(status: Status) -> None:
    client = mlflow.MlflowClient()
    tags: tuple[dict[str, str], ...] = ({names.STATUS: status}, {})
    ended, failed = (client.create_run("0", tags=of_run).info.run_id for of_run in tags)
    for run_id in (ended, failed):
        client.set_terminated(run_id, Status.FAILED)
    store.restore_statuses()
    assert [client.get_run(run_id).info.status for run_id in (ended, failed)] == [status, Status.FAILED]
