"""The database that studies are kept in: opened, and told apart from the work when it goes away."""

import contextlib
from collections.abc import Iterator

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from kdops.errors import Stopped, UserError


def open_storage(url: str) -> RDBStorage:
    """Open, or make, the database that studies are kept in.

    Raises:
        UserError: if it cannot be opened.
    """
    # Its log tells of every table that it makes.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return RDBStorage(url, engine_kwargs=_engine_options(url))
    except Exception as error:  # SQLAlchemy and its drivers raise many kinds
        reason = str(error).splitlines()[0]
        raise UserError(f"the Optuna storage {_shown(url)!r} cannot be opened: {reason}") from error


@contextlib.contextmanager
def storage_answers() -> Iterator[None]:
    """Around what reads or writes a study: tells an error of the work from a database that went away.

    Raises:
        Stopped: The database failed.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        # Optuna runs into errors of its own while it handles this one.
        for cause in _causes(error):
            if isinstance(cause, StorageInternalError):
                raise Stopped(
                    f"the Optuna storage does not answer: {str(cause.__cause__).splitlines()[0]} "
                    "(what is finished is kept, and the same command goes on from there once it answers)"
                ) from error
        raise


def _engine_options(storage: str) -> dict[str, object]:
    # A server that was started again between two epochs is not noticed.
    return {"connect_args": {"timeout": 60}} if storage.startswith("sqlite") else {"pool_pre_ping": True}


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__
