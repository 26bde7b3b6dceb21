"""Keeps `mlflow run` from marking ended runs FAILED, logging a storage's password, and asking in vain for minutes.

When the process that it started ends with an error, `mlflow run` marks its run FAILED, also a run that the process has
closed as KILLED, or as FINISHED where the exit code says that nothing holds the limits: it means to leave closed runs
alone, but compares a status's name with a number. And it logs all its parameters before that process starts. Before
that it makes a run, for which it asks a server that is not there again and again, and shows tracebacks then. MLflow
makes one `mlflow.run_context_provider` plugin in each process, so this one is there in time to set such runs right at
the end, and to refuse passwords and servers at the beginning.
"""

import atexit
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from kdops.errors import UserError
from kdops.tracking import server, store

_STORAGE = "storage="
_RUN_ID = "MLFLOW_RUN_ID"  # set by `mlflow run` for its child
_TRACKING_URI = "MLFLOW_TRACKING_URI"
_ENV_FILE = "--env-file"  # the one option that may stand between `mlflow` and `run`
_NAME = "name: kdops"


class StatusKeeper:
    """An MLflow run context provider that adds no tags: MLflow making it at start-up is what it is for."""

    def __init__(self) -> None:
        # Not `sys.argv`, which has no program yet while `python -m mlflow` is starting.
        arguments = _arguments_of_run(sys.orig_argv)
        if arguments is None:
            return
        atexit.unregister(_restore)  # once is enough, also where kdops is found on two paths
        atexit.register(_restore)
        if "--help" not in arguments and any(_is_kdops(Path(argument)) for argument in arguments):
            _refuse_passwords(arguments)
            _refuse_server()

    def in_context(self) -> bool:
        """Never: there are no tags to add."""
        return False

    def tags(self) -> dict[str, str]:
        """No tags."""
        return {}


def check_storage(url: str) -> None:
    """Make sure that the address of an Optuna storage does not come with a password by way of `mlflow run`.

    Where this plugin was not there in time, the password is logged already.

    Raises:
        UserError: It does.
    """
    run_id = os.environ.get(_RUN_ID)
    if run_id and _holds_password(url):
        raise UserError(f"{_reason(url)}; run {run_id} holds it already: delete that run for good, or change it")


def _arguments_of_run(command: Sequence[str]) -> Sequence[str] | None:
    """The arguments after `mlflow run`; None for any other command, such as `mlflow server`."""
    at = next((at for at, argument in enumerate(command) if Path(argument).name == "mlflow"), len(command))
    rest = command[at + 1 :]
    if rest and rest[0].startswith(_ENV_FILE):
        rest = rest[1 if "=" in rest[0] else 2 :]
    return rest[1:] if rest and rest[0] == "run" else None


def _refuse_passwords(arguments: Sequence[str]) -> None:
    for argument in arguments:
        _, given, url = argument.partition(_STORAGE)
        if given and _holds_password(url):
            _refuse(_reason(url))


def _refuse_server() -> None:
    try:
        _check_server(os.environ.get(_TRACKING_URI, ""))
    except UserError as error:
        _refuse(str(error))
    store.be_patient()


def _check_server(uri: str) -> None:
    # A database or a folder answers at once, whatever it answers.
    if uri.startswith(("http://", "https://")):
        server.check(uri)


def _refuse(reason: str) -> None:
    sys.stderr.write(f"error: {reason}\n")
    sys.stderr.flush()
    # Not `sys.exit`: this is within MLflow's import, where `python -m mlflow` would show a traceback.
    os._exit(2)


def _reason(url: str) -> str:
    host = urlsplit(url).hostname
    return (
        f"the Optuna storage on {host} is given with its password, and `mlflow run` logs all parameters: leave the "
        "password out, and keep it in ~/.pgpass or PGPASSWORD"
    )


def _holds_password(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.password) or "password" in parse_qs(parts.query)


def _is_kdops(folder: Path) -> bool:
    project = folder / "MLproject"
    return project.is_file() and _NAME in project.read_text(encoding="utf-8").splitlines()


def _restore() -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        # By now the server may be gone, and the user has been told.
        _check_server(mlflow.get_tracking_uri())
        store.be_impatient()
        store.restore_statuses()
    except (UserError, MlflowException, OSError) as error:
        sys.stderr.write(f"runs that were interrupted may be left as FAILED: {store.one_line(error)}\n")
