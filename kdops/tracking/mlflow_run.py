"""Keeps `mlflow run` from turning KILLED into FAILED.

When the process that it started ends with an error, `mlflow run` marks its run FAILED, also a run that the process has
closed as KILLED: it means to leave closed runs alone, but compares a status's name with a number. MLflow makes one
`mlflow.run_context_provider` plugin in each process, so this one is there in time to set such runs right at the end.
"""

import atexit
import sys
from pathlib import Path


class StatusKeeper:
    """An MLflow run context provider that adds no tags: MLflow making it at start-up is what it is for."""

    def __init__(self) -> None:
        # Not `sys.argv`, which has no program yet while `python -m mlflow` is starting.
        if "run" in sys.orig_argv and any(Path(argument).name == "mlflow" for argument in sys.orig_argv):
            atexit.register(_restore)

    def in_context(self) -> bool:
        """Never: there are no tags to add."""
        return False

    def tags(self) -> dict[str, str]:
        """No tags."""
        return {}


def _restore() -> None:
    from kdops.tracking import store

    store.restore_statuses()
