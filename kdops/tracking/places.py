"""Where things are beside the tracking store: the Optuna database, and the way to the UI."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from kdops.home import home
from kdops.tracking import names, store
from kdops.tracking.mlflow_run import check_storage
from kdops.tracking.views import view_key


def study_storage(named: str | None = None) -> str:
    """The Optuna storage: that which the user named, else `optuna.db` beside a tracking database or below `home()`.

    Raises:
        UserError: It was named with a password, and `mlflow run` logs that.
    """
    if named:
        check_storage(named)
        return named
    database = _tracking_database()
    folder = database.parent if database else home()
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'optuna.db'}"


def how_to_look(run_id: str | None = None, students: Mapping[str, str] = MappingProxyType({})) -> str:
    """What the user opens, or types, to see the runs.

    Args:
        run_id: A distilled student; with it come the addresses of two pages of the UI: the comparison of the teacher,
            the student and the student alone, and all runs of the data set, the best first.
        students: Where no student is given, a student's run by the name of each data set; with each comes the page of
            all runs of that data set.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    database = _tracking_database()
    server = str(mlflow.get_tracking_uri())
    if server.startswith(("http://", "https://")):
        base, lines = server.rstrip("/"), [] if run_id or students else [server]
    elif database:
        base, lines = _LOCAL, [f"mlflow ui --backend-store-uri sqlite:///{database}"]
    else:
        base, lines = _LOCAL, [f"mlflow ui --backend-store-uri {_without_password(server)}"]
    try:
        if run_id:
            pages = {"compare": comparison_page(run_id), "all runs, the best first": best_page(run_id)}
        else:
            pages = {f"all runs of {name}, the best first": best_page(one) for name, one in students.items()}
    except MlflowException:
        # The runs are written; that the store stopped answering must not cost the summary.
        return lines[0] if lines else server
    return "\n  ".join([*lines, *(f"{title}: {base}{page}" for title, page in pages.items())])


def comparison_page(run_id: str) -> str:
    """The page of the UI that compares a student with its teacher and with itself without distillation."""
    tags = store.client().get_run(run_id).data.tags
    related = dict.fromkeys([tags[names.TEACHER_RUN], run_id, tags.get(names.BASELINE_RUN, run_id)])
    experiments = dict.fromkeys(store.client().get_run(one).info.experiment_id for one in related)
    return f"/#/compare-runs?runs={_listed(related)}&experiments={_listed(experiments)}"


def best_page(run_id: str) -> str:
    """The page of the UI that lists the runs of a student's data set, the best first, as `views.save_view` saved it."""
    run = store.client().get_run(run_id)
    key = quote(view_key(run.data.tags[names.DATASET]))
    return f"/#/experiments/{run.info.experiment_id}/runs?viewStateShareKey={key}"


_LOCAL = "http://127.0.0.1:5000"  # where `mlflow ui` listens


def _listed(ids: dict[str, None]) -> str:
    return quote(json.dumps(list(ids), separators=(",", ":")))


def _without_password(uri: str) -> str:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(uri).render_as_string(hide_password=True)
    except ArgumentError:
        return uri


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
