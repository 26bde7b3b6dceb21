"""What kdops asks of the tracking store: runs by filter, the experiment of new runs, runs left open."""

import logging
import os
import socket
from typing import TYPE_CHECKING

from kdops import process
from kdops.errors import UserError
from kdops.tracking import names
from kdops.tracking.names import Status

if TYPE_CHECKING:
    import mlflow.entities
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)

_PARENT = "mlflow.parentRunId"
_EXPERIMENT_ID = "MLFLOW_EXPERIMENT_ID"
_EXPERIMENT_NAME = "MLFLOW_EXPERIMENT_NAME"
_MAX_ERROR_LENGTH = 500


def client() -> "MlflowClient":
    """MLflow's client for the current tracking store."""
    from mlflow import MlflowClient

    return MlflowClient()


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
    """Set runs back to KILLED that `mlflow run` marked FAILED after their own process had closed them as KILLED."""
    for found in search(f"tags.`{names.STATUS}` = '{Status.KILLED}' and attributes.status = '{Status.FAILED}'"):
        client().set_terminated(found.info.run_id, Status.KILLED)


def close_orphans() -> None:
    """Close as KILLED the runs that processes of this machine left open when they were killed."""
    mine = f"tags.`{names.PROCESS}` LIKE '{socket.gethostname()}:%'"
    for found in search(f"attributes.status = 'RUNNING' and {mine}"):
        if process.is_dead(found.data.tags[names.PROCESS]):
            _kill(found.info.run_id, "process ended without closing the run")


def close_children(run_id: str) -> None:
    """Close what workers left open; nobody works for a run that has ended."""
    for child in search(f"attributes.status = 'RUNNING' and tags.`{_PARENT}` = '{run_id}'"):
        close_children(child.info.run_id)
        _kill(child.info.run_id, "the parent run ended first")


def _kill(run_id: str, reason: str) -> None:
    _log.info("run %s is marked KILLED: %s", run_id, reason)
    client().set_tag(run_id, names.ERROR, reason)
    client().set_terminated(run_id, Status.KILLED)
