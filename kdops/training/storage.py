"""The database of Optuna studies: opened, and its failures told from those of the work."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.exc import ArgumentError

from kdops.errors import Stopped, UserError

_MLFLOW_TABLES = {"experiments", "runs", "latest_metrics"}


def open_storage(url: str) -> RDBStorage:
    """Open, or make, the database that studies are kept in.

    Raises:
        UserError: if it cannot be opened, or is MLflow's: both keep the version of their tables in the same place, so
            that Optuna would take it for a database of another release. Nothing is written to it then.
    """
    # Its log reports every table that it makes.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        mlflows = _is_mlflows(url)
    except Exception as error:  # SQLAlchemy and its drivers raise many kinds
        raise _unopened(url, error) from error
    if mlflows:
        raise UserError(
            f"the Optuna storage {_shown(url)!r} is the database of MLflow; "
            "give one of its own, such as storage=sqlite:///optuna.db"
        )
    try:
        return RDBStorage(url, engine_kwargs=_engine_options(url))
    except Exception as error:  # SQLAlchemy and its drivers raise many kinds
        raise _unopened(url, error) from error


@contextlib.contextmanager
def storage_answers() -> Iterator[None]:
    """A block that reads or writes a study: a database that went away raises `Stopped`, unlike an error of the work.

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


def _is_mlflows(url: str) -> bool:
    """Whether a database has MLflow's tables; one that is not there yet has none."""
    where = make_url(url)
    if where.get_backend_name() == "sqlite" and where.database and not Path(where.database).is_file():
        return False
    engine = create_engine(where, **_engine_options(url))
    try:
        return set(inspect(engine).get_table_names()) >= _MLFLOW_TABLES
    finally:
        engine.dispose()


def _unopened(url: str, error: Exception) -> UserError:
    return UserError(f"the Optuna storage {_shown(url)!r} cannot be opened: {str(error).splitlines()[0]}")


def _engine_options(storage: str) -> dict[str, Any]:
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
