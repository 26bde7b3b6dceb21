"""Where things are beside the tracking store: the Optuna database, and the way to the UI."""

from pathlib import Path

from kdops.home import home


def study_storage() -> str:
    """The Optuna storage of a user who named none: `optuna.db` beside a tracking database, else below `home()`."""
    database = _tracking_database()
    folder = database.parent if database else home()
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'optuna.db'}"


def how_to_look() -> str:
    """What the user opens, or types, to see the runs."""
    import mlflow

    database = _tracking_database()
    return f"mlflow ui --backend-store-uri sqlite:///{database}" if database else str(mlflow.get_tracking_uri())


def _tracking_database() -> Path | None:
    """The file of a tracking store in SQLite."""
    import mlflow
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(mlflow.get_tracking_uri())
    except ArgumentError:
        return None
    if not url.drivername.startswith("sqlite") or not url.database:
        return None
    return Path(url.database).resolve()
