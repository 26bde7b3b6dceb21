"""Keeps `mlflow run` from turning KILLED into FAILED, and from logging the password of an Optuna storage.

When the process that it started ends with an error, `mlflow run` marks its run FAILED, also a run that the process has
closed as KILLED: it means to leave closed runs alone, but compares a status's name with a number. And it logs all its
parameters before that process starts. MLflow makes one `mlflow.run_context_provider` plugin in each process, so this
one is there in time to set such runs right at the end, and to refuse a password at the beginning.
"""

import atexit
import os
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from kdops.errors import UserError

_STORAGE = "storage="
_RUN_ID = "MLFLOW_RUN_ID"  # set by `mlflow run` for its child
_NAME = "name: kdops"


class StatusKeeper:
    """An MLflow run context provider that adds no tags: MLflow making it at start-up is what it is for."""

    def __init__(self) -> None:
        # Not `sys.argv`, which has no program yet while `python -m mlflow` is starting.
        if "run" in sys.orig_argv and any(Path(argument).name == "mlflow" for argument in sys.orig_argv):
            atexit.register(_restore)
            if any(_is_kdops(Path(argument)) for argument in sys.orig_argv):
                _refuse_passwords(sys.orig_argv)

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


def _refuse_passwords(arguments: list[str]) -> None:
    for argument in arguments:
        _, given, url = argument.partition(_STORAGE)
        if given and _holds_password(url):
            sys.stderr.write(f"error: {_reason(url)}\n")
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
    from kdops.tracking import store

    store.restore_statuses()
