"""Claims: of several processes, on whichever machines, one at a time may move the champion of a model.

MLflow has no lock. What it refuses on every store is a second registered model of the same name, so a claim is a
registered model, named after the one that it is for, and goes away at the end.
"""

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping

from filelock import FileLock

from kdops import process
from kdops.errors import UserError
from kdops.tracking import names, runs, store
from kdops.tracking.workarounds.tested import differs
from kdops.workspace import home

_CLAIM = "claim."
_TOKEN = "kdops.token"
_PATIENCE_S = 20.0
_POLL_S = 0.1


@contextlib.contextmanager
def claimed(model: str) -> Iterator[None]:
    """The right to move the champion of a model; one process at a time has it, until it gives it back or ends."""
    name, token = _CLAIM + model, uuid.uuid4().hex
    tags = {names.PROCESS: process.identity(), names.USER: runs.user(), _TOKEN: token}
    give_up = time.monotonic() + _PATIENCE_S
    while not _claim(name, tags):
        if _is_left(name):
            _take_away(name)
            continue
        if time.monotonic() > give_up:
            raise UserError(_stuck(name))
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        store.client().delete_registered_model(name)


def _claim(name: str, tags: Mapping[str, str]) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        store.client().create_registered_model(name, dict(tags), "Somebody is promoting a version right now.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        # A request that was sent twice because its answer got lost finds what it made itself.
        return _holder(name).get(_TOKEN) == tags[_TOKEN]
    if _holder(name).get(_TOKEN) != tags[_TOKEN]:
        raise UserError(differs(f"let two make the registered model {name}, so that two may promote at once"))
    return True


def _holder(name: str) -> Mapping[str, str]:
    """The tags of a claim; none when it is gone."""
    from mlflow.exceptions import MlflowException

    try:
        return dict(store.client().get_registered_model(name).tags)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}


def _is_left(name: str) -> bool:
    """Whether the process that made a claim is known to have ended."""
    return process.is_dead(_holder(name).get(names.PROCESS, ""))


def _take_away(name: str) -> None:
    """Delete the claim of a process that has ended.

    Raises:
        UserError: The server does not let this user do it.
    """
    from mlflow.exceptions import MlflowException

    folder = home() / "claims"
    folder.mkdir(parents=True, exist_ok=True)
    # Only processes of the same machine know that one has ended. Of several that see it, each after the first would
    # otherwise delete the claim that the first has made since.
    with FileLock(folder / f".{name}.lock"):
        if not _is_left(name):
            return
        try:
            store.client().delete_registered_model(name)
        except MlflowException as error:
            if error.error_code == "PERMISSION_DENIED":
                raise UserError(_stuck(name)) from error
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise


def _stuck(name: str) -> str:
    """The message for people who can see whether that process still runs, or who may delete the claim."""
    holder = _holder(name)
    owner, identity = holder.get(names.USER, "somebody"), holder.get(names.PROCESS, "unknown")
    state = "has ended without finishing it" if process.is_dead(identity) else "does not finish"
    return (
        f"another promotion by {owner} (process {identity}) {state}; if it runs no more, delete the registered model "
        f"{name!r}, which on a server with authentication only {owner} and the admin may: "
        f"python -c \"import mlflow; mlflow.MlflowClient().delete_registered_model('{name}')\""
    )
