"""Where things are beside the tracking store: the Optuna database, and the way to the UI."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, urlsplit, urlunsplit

from kdops.tracking import names, store
from kdops.tracking.results import data_of
from kdops.tracking.workarounds.mlflow_run import check_storage
from kdops.tracking.workarounds.shared_views import view_key
from kdops.workspace import home


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


def how_to_look(run_id: str | None = None, students: Mapping[str, Sequence[str]] = MappingProxyType({})) -> str:
    """The link to open, or the command to type, to see the runs.

    Args:
        run_id: A distilled student; with it come the addresses of two pages of the UI: the comparison of the teacher,
            the student and its baseline, and all runs of the data set, the best first.
        students: Where no student is given, runs of students by the name of each data set; with each come the page that
            compares them with their teachers, wherever they lie, and that of all runs of the data set.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    database = _tracking_database()
    server = str(mlflow.get_tracking_uri())
    if server.startswith(("http://", "https://")):
        base = _without_user(server).rstrip("/")
        lines = [] if run_id or students else [base]
    elif server.partition(":")[0] == "databricks":
        return server  # its pages have other addresses
    elif database:
        base, lines = _LOCAL, [f"mlflow ui --backend-store-uri sqlite:///{database}"]
    else:
        base, lines = _LOCAL, [f"mlflow ui --backend-store-uri {_without_password(server)}"]
    try:
        if run_id:
            pages = {"compare": comparison_page(run_id), "all runs, the best first": best_page(run_id)}
        else:
            pages = {}
            for name, some in students.items():
                pages[f"compare the students of {name}"] = students_page(some)
                pages[f"all runs of {name}, the best first"] = best_page(*some)
    except MlflowException:
        # The runs are written; that the store stopped answering must not cost the summary.
        return lines[0] if lines else base
    return "\n  ".join([*lines, *(f"{title}: {base}{page}" for title, page in pages.items())])


def comparison_page(run_id: str) -> str:
    """The page of the UI that compares a student with its teacher and with itself without distillation."""
    tags = store.client().get_run(run_id).data.tags
    return _compared([tags[names.TEACHER_RUN], run_id, tags.get(names.BASELINE_RUN, run_id)])


def students_page(run_ids: Sequence[str]) -> str:
    """The page of the UI that compares students with one another and with their teachers."""
    return _compared([*(store.client().get_run(one).data.tags[names.TEACHER_RUN] for one in run_ids), *run_ids])


def best_page(*run_ids: str) -> str:
    """The page of the UI that lists the runs of a data set, the best first, as `shared_views.save_view` saved it.

    Args:
        run_ids: Students of the data set; the page is that of the experiment that most of them are in.
    """
    found = [store.client().get_run(one) for one in run_ids]
    key = quote(view_key(found[0].data.tags[names.DATASET], data_of(found[0])))
    ((experiment, _),) = Counter(one.info.experiment_id for one in found).most_common(1)
    return f"/#/experiments/{experiment}/runs?viewStateShareKey={key}"


def _compared(run_ids: Iterable[str]) -> str:
    related = dict.fromkeys(run_ids)
    experiments = dict.fromkeys(store.client().get_run(one).info.experiment_id for one in related)
    return f"/#/compare-runs?runs={_listed(related)}&experiments={_listed(experiments)}"


_LOCAL = "http://127.0.0.1:5000"  # where `mlflow ui` listens


def _listed(ids: dict[str, None]) -> str:
    return quote(json.dumps(list(ids), separators=(",", ":")))


def _without_user(address: str) -> str:
    """An address to print and to open: a browser asks for name and password itself."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


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
