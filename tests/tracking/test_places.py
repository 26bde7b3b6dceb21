import json

import mlflow
import pytest
from finished_runs import add_student, add_teacher

from kdops.errors import UserError
from kdops.tracking import places
from kdops.tracking.results import read_results
from kdops.tracking.workarounds import tested
from kdops.tracking.workarounds.shared_views import save_view


def test_a_local_store_gets_the_command_and_the_charts(tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "is_newer", lambda: False)
    student = add_student("emot", add_teacher("emot"), trials=1)
    command, charts = places.how_to_look({"emot": [student]}).split("\n")
    assert command == f"mlflow ui --backend-store-uri {tracking_uri}"
    assert places.how_to_look() == command
    page = "/#/experiments/1/runs?viewStateShareKey=kdops-emot-0123456789abcdef&compareRunsMode=CHART"
    assert charts == f"  charts of emot: http://127.0.0.1:5000{page}"


def test_a_server_gets_addresses_that_open(tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    student = add_student("emot", add_teacher("emot"), trials=1)
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "http://host:5000/")
    monkeypatch.setattr(places.store, "client", lambda: mlflow.MlflowClient(tracking_uri))
    assert places.how_to_look() == "http://host:5000"
    assert places.how_to_look({"emot": [student]}).strip().startswith("charts of emot: http://host:5000/#/")


def test_the_charts_of_an_exam_are_where_most_of_its_students_lie(
    tracking_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = add_teacher("emot")
    students = [add_student("emot", teacher, name, trials=1) for name in ("bilstm", "cnn")]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    students.insert(0, add_student("emot", teacher, "bert-tiny", trials=1))
    _, charts = places.how_to_look({"emot": students}).split("\n")
    assert "/#/experiments/1/runs?viewStateShareKey=kdops-emot-" in charts


def test_addresses_hold_no_password_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "https://me:secret@host:5000/mlflow")
    assert places.how_to_look() == "https://host:5000/mlflow"


def test_where_the_pages_have_other_addresses_none_are_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "databricks://profile")
    assert places.how_to_look() == places.how_to_look({"emot": ["beef"]}) == "databricks://profile"


@pytest.mark.parametrize("url", ["postgresql://me:secret@host/studies", "postgresql://me@host/x?password=secret"])
def test_a_storage_by_mlflow_run_has_no_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert places.study_storage(url) == url
    monkeypatch.setenv("MLFLOW_RUN_ID", "beef")
    assert places.study_storage("postgresql://me@host/studies") == "postgresql://me@host/studies"
    with pytest.raises(
        UserError, match=r"^the Optuna storage on host .* PGPASSWORD; run beef holds it already"
    ) as said:
        places.study_storage(url)
    assert "secret" not in str(said.value)


def test_passwords_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "postgresql://me:secret@host/runs")
    assert "secret" not in places.how_to_look()


def test_the_view_of_a_data_set_sorts_by_test_score(store: str) -> None:
    save_view(read_results(["emot"]))
    add_student("emot", add_teacher("emot", data="b" * 16), trials=1, data="b" * 16)
    tags = mlflow.MlflowClient().get_experiment("1").tags
    state = json.loads(tags["mlflow.sharedViewState.kdops-emot-0123456789abcdef"])
    assert state["orderByKey"] == "metrics.`test.f1_macro`"
    found = mlflow.search_runs(search_all_experiments=True, filter_string=state["searchFilter"], output_format="list")
    assert {run.data.tags["kdops.role"] for run in found} == {"student", "teacher", "baseline"}
    # Those of other data under the same name stay out.
    assert len(found) == 1 + 2 * 3
