"""Views of the MLflow UI that answer "which student is best?" without a click."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kdops.measure.costs import Room, costs
from kdops.tracking import names, store
from kdops.tracking.logged_models import data_digest

if TYPE_CHECKING:
    from kdops.tracking.results import Results

# Where the UI keeps views that are shared by link. None of its documentation says so: it is what "Share view" writes
# (MLflow 3.17), and tests/browser opens one. Elsewhere the link would open the plain list of runs.
_SHARED_VIEW = "mlflow.sharedViewState."
_SECTION = "kdops"


def view_key(dataset: str, data: str) -> str:
    """The name of a data set's view in links; each content of that name has its own."""
    return "-".join([names.registered_model_name(dataset), *filter(None, [data])])


def save_view(results: "Results") -> None:
    """Save a view of each data set's runs with each experiment that holds students of it.

    Its table is sorted by test score and shows who made what, and the costs; its charts are the score, and the
    score against latency, memory and storage.
    """
    shown = [names.COST_PREFIX + cost.name for cost in costs(Room.LITTLE, results.measured)]
    students = results.students.drop_duplicates(["dataset", "experiment_id"])
    for row in students.to_dict("records"):
        dataset, data = row["dataset"], row["data"]
        state = json.dumps(_state(dataset, data, names.TEST_PREFIX + row["metric"], shown))
        store.client().set_experiment_tag(row["experiment_id"], _SHARED_VIEW + view_key(dataset, data), state)


def _state(dataset: str, data: str, score: str, costs_shown: Sequence[str]) -> Mapping[str, object]:
    quote = '"' if "'" in dataset else "'"
    # Runs on other data of the same name have other test rows, so their scores do not compare.
    same_rows = f" and dataset.digest = '{data_digest(data, 'test')}'" if data else ""
    of_dataset = f"tags.`{names.DATASET}` = {quote}{dataset}{quote}{same_rows}"
    shown = (score, names.F1_RETAINED, names.KD_GAIN, *costs_shown)
    return {
        "searchFilter": f"{of_dataset} and tags.`{names.ROLE}` != 'trial'",
        "orderByKey": f"metrics.`{score}`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": ["attributes.`User`", *(f"metrics.`{name}`" for name in shown)],
        "runsExpanded": {},
        "isAccordionReordered": False,
        "compareRunSections": [{"uuid": _SECTION, "name": "Which student is best?", "display": True, **_KEPT}],
        "compareRunCharts": [
            _chart("BAR", score, metricKey=score),
            *(_chart("SCATTER", cost, xaxis=_metric(cost), yaxis=_metric(score)) for cost in costs_shown),
        ],
    }


_KEPT = {"isReordered": False, "deleted": False, "isGenerated": False}


def _chart(kind: str, name: str, **content: object) -> dict[str, object]:
    return {
        "type": kind,
        "uuid": f"{_SECTION}-{name}",
        "metricSectionId": _SECTION,
        "runsCountToCompare": 100,
        "displayName": "",
        **_KEPT,
        **content,
    }


def _metric(name: str) -> dict[str, str]:
    return {"key": name, "type": "METRIC"}
