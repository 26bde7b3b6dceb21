import re
from typing import TYPE_CHECKING

import mlflow
import pytest
from finished_runs import add_student, add_teacher

from kdops.steps.report import report_for
from kdops.tracking import places
from kdops.tracking.results import read_results
from kdops.tracking.runs import Run, user
from kdops.tracking.workarounds.shared_views import save_view

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_PATIENCE_MS = 60_000
_IS_SHOWN = "name => [...document.images].some(image => image.alt === name && image.naturalWidth > 300)"


@pytest.fixture
def page(browser: "Browser") -> "Page":
    page = browser.new_page(viewport={"width": 1600, "height": 1200})
    page.set_default_timeout(_PATIENCE_MS)
    return page


def _student() -> str:
    students = read_results(["emot"]).students
    return str(students.index[students["recipe"] == "kd-unlabeled"][0])


def _charts(address: str) -> str:
    mlflow.set_tracking_uri(address)
    return places.how_to_look({"emot": [_student()]}).strip().split(": ", 1)[1]


def test_the_saved_view_lists_the_best_first_and_draws_quality_against_cost(mlflow_ui: str, page: "Page") -> None:
    charts = _charts(mlflow_ui)
    save_view(read_results(["emot"]))
    # Better, but on other test rows.
    add_student("emot", add_teacher("emot", data="b" * 16), "bert-small", test=0.99, data="b" * 16, trials=1)
    page.goto(charts.removesuffix("&compareRunsMode=CHART"))
    page.get_by_text("teacher emot", exact=True).first.wait_for()
    for column in ("test.f1_macro", "cost.latency_p50_ms", "cost.storage_mb"):
        page.get_by_text(column).first.wait_for(state="attached")
    page.get_by_text(user(), exact=True).first.wait_for()
    names = page.get_by_role("link", name=re.compile("emot$")).all_inner_texts()
    assert [name for name in names if "trial" in name] == []
    assert names[:2] == ["teacher emot", "bilstm kd-unlabeled emot"]
    page.goto(charts)
    page.get_by_text(re.compile(r"Which student is best\? *\(4\)")).wait_for()
    page.locator(".scatterlayer .point").first.wait_for(state="attached")


def test_the_report_of_a_run_opens_among_its_artifacts(mlflow_ui: str, page: "Page") -> None:
    mlflow.set_tracking_uri(mlflow_ui)
    run_id = _student()
    report_for(Run(run_id), "emot")
    page.goto(f"{mlflow_ui}/#/experiments/1/runs/{run_id}/artifacts/report/report.html")
    inside = page.frame_locator("iframe")
    inside.get_by_role("heading", name="Which student is best? emot").wait_for()
    inside.locator(".js-plotly-plot").nth(9).locator(".main-svg").first.wait_for(state="attached")
    for picture in ("emot-pareto.png", "emot-classes.png"):
        page.get_by_text(picture, exact=True).click()
        page.wait_for_function(_IS_SHOWN, arg=f"report/{picture}")
