"""Places beside the tracking store: the Optuna database, and the pages of the UI."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from kdops.tracking import store
from kdops.tracking.workarounds import tested
from kdops.tracking.workarounds.mlflow_run import check_storage
from kdops.tracking.workarounds.shared_views import view_key
from kdops.workspace import home

if TYPE_CHECKING:
    from kdops.tracking.results import Results


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


def store_place() -> str:
    """The address of the tracking store, without a user's name and password."""
    import mlflow

    address = str(mlflow.get_tracking_uri())
    return _without_user(address) if address.startswith(("http://", "https://")) else _without_password(address)


def how_to_look(students: Mapping[str, Sequence[str]] = MappingProxyType({})) -> str:
    """The link to open, or the command to type, to see the runs.

    Args:
        students: runs of students by the name of each data set; with each comes the page of the UI that draws the best
            runs of the data set, and their costs.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    database = _tracking_database()
    server = str(mlflow.get_tracking_uri())
    if server.startswith(("http://", "https://")):
        base = _without_user(server).rstrip("/")
        lines = [] if students else [base]
    elif server.partition(":")[0] == "databricks":
        return server  # its pages have other addresses
    elif database:
        base, lines = _LOCAL, [f"mlflow ui --backend-store-uri sqlite:///{database}"]
    else:
        base, lines = _LOCAL, [f"mlflow ui --backend-store-uri {_without_password(server)}"]
    try:
        charts = {name: charts_page(name, some) for name, some in students.items()}
    except MlflowException:
        # The runs are written; that the store stopped answering must not cost the summary.
        return lines[0] if lines else base
    untried = f" (made for MLflow {tested.TESTED}: a newer one may open the list of runs)" if tested.is_newer() else ""
    return "\n  ".join([*lines, *(f"charts of {name}: {base}{page}{untried}" for name, page in charts.items())])


def run_links(results: "Results") -> dict[str, str]:
    """The addresses of the runs' pages by their names; none where pages have other addresses."""
    import mlflow

    server = str(mlflow.get_tracking_uri())
    if server.partition(":")[0] == "databricks":
        return {}
    base = _without_user(server).rstrip("/") if server.startswith(("http://", "https://")) else _LOCAL
    rows = results.students.reset_index().to_dict("records")
    return {
        f"{row['student']} {row['recipe']} seed {row['seed']}": (
            f"{base}/#/experiments/{row['experiment_id']}/runs/{row['run_id']}"
        )
        for row in rows
    }


def charts_page(dataset: str, run_ids: Sequence[str]) -> str:
    """The page of the UI that draws the runs of a data set, as `shared_views.save_view` saved it.

    Args:
        dataset: The data set's name.
        run_ids: Students of it; the page is that of the experiment that most of them are in.
    """
    found = [store.client().get_run(one) for one in run_ids]
    key = quote(view_key(dataset, store.data_of(found[0])))
    ((experiment, _),) = Counter(one.info.experiment_id for one in found).most_common(1)
    return f"/#/experiments/{experiment}/runs?viewStateShareKey={key}&compareRunsMode=CHART"


_LOCAL = "http://127.0.0.1:5000"  # where `mlflow ui` listens


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
