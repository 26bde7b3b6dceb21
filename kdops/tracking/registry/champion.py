"""The alias `champion`: one promotion at a time moves it, and none that was decided against an older champion.

MLflow's registry sets an alias whatever it was before, so by itself the last of two promotions would win. What it does
refuse is a second registered model of the same name, on every store: a promotion therefore makes one, named after the
model, for the moments in which it looks at the alias again and moves it, and takes it away afterwards.
"""

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from filelock import FileLock

from kdops import process
from kdops.errors import UserError
from kdops.tracking import names, runs, store
from kdops.tracking.registry import registered
from kdops.tracking.registry.registered import Version
from kdops.workspace import home

_CLAIM = "claim."
_TOKEN = "kdops.token"
_PATIENCE_S = 20.0
_POLL_S = 0.1


@dataclass(frozen=True)
class Words:
    """The new tags and description of a version.

    Attributes:
        version: The version.
        tags: By name; those that are None are taken away.
        description: Its description from now on.
    """

    version: Version
    tags: Mapping[str, object]
    description: str


def move(
    to: Version,
    *,
    expected: Version | None,
    tags: Mapping[str, object],
    description: str,
    others: Sequence[Words] = (),
) -> None:
    """Make a version the champion, and the one that it replaces the previous champion.

    The alias moves in one step: whoever loads the champion gets the old one or the new one. Of several promotions that
    were decided against the same champion one moves it, and the others fail, whichever machines they run on. An alias
    that is set by other means, such as MLflow's UI, asks for no claim: that is noticed when it happened before the
    claim or between the move and the look at what became of it.

    All words are written before the alias moves: whoever is cut off in between has moved nothing, so that the same
    promotion is decided again, and done whole.

    Args:
        to: The new champion.
        expected: The champion that this was decided against.
        tags: Tags of the new champion; those that are None are taken away.
        description: Its description from now on.
        others: What the champion that it replaces, and other versions, say from now on.

    Raises:
        UserError: Another promotion moved the champion meanwhile, or is about to and does not finish.
    """
    client = store.client()
    before = expected.number if expected else None
    with _claimed(to.model):
        found = registered.alias_of(to.model, names.CHAMPION)
        if found != before:
            raise UserError(
                f"{to.model}: the champion changed from {_named(before)} to {_named(found)} while this was decided; "
                "nothing is moved, promote again to compare with it"
            )
        registered.describe(to, tags, description)
        for words in others:
            registered.describe(words.version, words.tags, words.description)
        if expected:
            client.set_registered_model_alias(to.model, names.PREVIOUS_CHAMPION, str(expected.number))
        client.set_registered_model_alias(to.model, names.CHAMPION, str(to.number))
        found = registered.alias_of(to.model, names.CHAMPION)
        if found != to.number:
            raise UserError(
                f"{to.model}: somebody set the champion to {_named(found)} by other means, just after this promotion "
                f"set it to {_named(to.number)}; look at it and promote again"
            )


@contextlib.contextmanager
def _claimed(model: str) -> Iterator[None]:
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


def _named(number: int | None) -> str:
    return "none" if number is None else f"version {number}"
