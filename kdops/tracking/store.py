"""Queries to the tracking store: runs by filter, the experiment of new runs, runs left open."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kdops import process
from kdops.errors import Stopped, UserError
from kdops.tracking import names, server
from kdops.tracking.names import Status

if TYPE_CHECKING:
    import mlflow.entities
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)

_PARENT = "mlflow.parentRunId"
_EXPERIMENT_ID = "MLFLOW_EXPERIMENT_ID"
_EXPERIMENT_NAME = "MLFLOW_EXPERIMENT_NAME"
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_PATIENCE_RETRIES = "5"  # about a minute, in which a server can be started again; MLflow's 7 are four
_MAX_ERROR_LENGTH = 500


def client() -> "MlflowClient":
    """MLflow's client for the current tracking store."""
    from mlflow import MlflowClient

    return MlflowClient()


def be_patient() -> None:
    """Let MLflow ask a server that does not answer for about a minute, unless the user has said how often."""
    os.environ.setdefault(_RETRIES, _PATIENCE_RETRIES)


def be_impatient() -> None:
    """From now on ask a server once only: nobody waits for it while everything is closed."""
    os.environ[_RETRIES] = "0"


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """A block that needs the tracking store: a server that went away raises `Stopped`, unlike an error of the work.

    Raises:
        Stopped: The store failed, and does not answer any more.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        try:
            server.check(mlflow.get_tracking_uri())
        except UserError as gone:
            be_impatient()
            raise Stopped(
                f"{gone} (what is finished is kept, and the same command goes on from there once it answers)"
            ) from error
        raise


def search(filter_string: str) -> "list[mlflow.entities.Run]":
    """Find runs of all experiments by an MLflow filter, newest first."""
    import mlflow

    found: list[mlflow.entities.Run] = mlflow.search_runs(
        search_all_experiments=True,
        filter_string=filter_string,
        order_by=["attributes.start_time DESC"],
        output_format="list",
    )
    return found


def one_line(error: BaseException) -> str:
    """Say in one line what went wrong."""
    text = " ".join(str(error).split())[:_MAX_ERROR_LENGTH]
    if isinstance(error, UserError):
        return text
    if isinstance(error, KeyboardInterrupt):
        return text or "interrupted"
    return f"{type(error).__name__}: {text}"


def data_of(run: "mlflow.entities.Run") -> str:
    """The fingerprint of the data that a run read, as `Run.dataset` logs it; empty where it logged none."""
    digests = [one.dataset.digest for one in run.inputs.dataset_inputs] if run.inputs else []
    return digests[0].rpartition("-")[0] if digests else ""


def experiment_id() -> str:
    """Find or make the experiment of new runs.

    MLflow's own `set_experiment` is of no use here: it makes the run that `mlflow run` started impossible to open.

    Raises:
        UserError: The experiment is deleted.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    name = os.environ.get(_EXPERIMENT_NAME)
    given = os.environ.get(_EXPERIMENT_ID)
    if given and not name:
        return given
    name = name or names.DEFAULT_EXPERIMENT
    experiment = mlflow.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(mlflow.create_experiment(name))
        except MlflowException:
            # Another process was faster, or it is a real error and stays one.
            experiment = mlflow.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        raise UserError(f"experiment {name!r} is deleted; restore it or name another one in {_EXPERIMENT_NAME}")
    return str(experiment.experiment_id)


def restore_statuses() -> None:
    """Set runs back to their own status that `mlflow run` marked FAILED after their own process had closed them."""
    for status in (Status.KILLED, Status.FINISHED):
        for found in search(f"tags.`{names.STATUS}` = '{status}' and attributes.status = '{Status.FAILED}'"):
            client().set_terminated(found.info.run_id, status)


def close_orphans() -> None:
    """Close as KILLED the runs that processes of this machine left open when they were killed."""
    mine = f"tags.`{names.PROCESS}` LIKE '{socket.gethostname()}:%'"
    for found in search(f"attributes.status = 'RUNNING' and {mine}"):
        if process.is_dead(found.data.tags[names.PROCESS]):
            # Its workers on other machines ended with it.
            close_children(found.info.run_id)
            _kill(found, "process ended without closing the run")


def close_children(run_id: str) -> None:
    """Close what workers left open; nobody works for a run that has ended."""
    for child in search(f"attributes.status = 'RUNNING' and tags.`{_PARENT}` = '{run_id}'"):
        close_children(child.info.run_id)
        _kill(child, "the parent run ended first")


def _kill(run: "mlflow.entities.Run", reason: str) -> None:
    from mlflow.entities import RunTag

    _log.info("run %s is marked KILLED: %s", run.info.run_id, reason)
    tags = {names.ERROR: reason}
    if names.TRIAL_STATE in run.data.tags:
        tags[names.TRIAL_STATE] = "interrupted"
    # Another process may be closing it too: unlike `set_tag`, a batch bears a tag that appears meanwhile.
    client().log_batch(run.info.run_id, tags=[RunTag(name, value) for name, value in tags.items()])
    client().set_terminated(run.info.run_id, Status.KILLED)
