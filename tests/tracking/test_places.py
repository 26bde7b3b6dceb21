import json
import re
from urllib.parse import parse_qs, unquote, urlsplit

import mlflow
import pytest
from finished_runs import add_student, add_teacher

from kdops.errors import UserError
from kdops.tracking import places, store
from kdops.tracking.results import read_results
from kdops.tracking.workarounds.shared_views import save_view


def test_a_local_store_gets_the_command_and_the_pages(tracking_uri: str) -> None:
    teacher = add_teacher("emot")
    student = add_student("emot", teacher, trials=1)
    command, compare, best = places.how_to_look(student).split("\n")
    assert command == f"mlflow ui --backend-store-uri {tracking_uri}"
    assert places.how_to_look() == command
    address = re.fullmatch(r"  compare: (\S+)", compare)
    assert address is not None
    page = urlsplit(urlsplit(address[1]).fragment)
    asked = {key: json.loads(value) for key, (value,) in parse_qs(page.query).items()}
    alone = store.client().get_run(student).data.tags["kdops.baseline_run"]
    assert page.path == "/compare-runs"
    assert asked == {"runs": [teacher, student, alone], "experiments": ["1"]}
    assert unquote(best).endswith(
        "http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=kdops-emot-0123456789abcdef"
    )


def test_a_student_from_gold_labels_is_compared_with_its_teacher_only(tracking_uri: str) -> None:
    teacher = add_teacher("emot")
    student = add_student("emot", teacher, recipe="vanilla", trials=1)
    assert json.loads(parse_qs(places.comparison_page(student))["/#/compare-runs?runs"][0]) == [teacher, student]


def test_a_server_gets_addresses_that_open(tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    student = add_student("emot", add_teacher("emot"), trials=1)
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "http://host:5000/")
    monkeypatch.setattr(places.store, "client", lambda: mlflow.MlflowClient(tracking_uri))
    assert places.how_to_look() == "http://host:5000"
    for line in places.how_to_look(student).strip().split("\n"):
        assert ": http://host:5000/#/" in line


def test_an_exam_gets_pages_of_students_wherever_they_lie(tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = add_teacher("emot")
    students = [add_student("emot", teacher, name, trials=1) for name in ("bilstm", "cnn")]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    students.append(add_student("emot", teacher, "bert-tiny", trials=1))
    _, compare, best = places.how_to_look(students={"emot": students}).split("\n")
    title, address = compare.strip().split(": ", 1)
    asked = {key: json.loads(value) for key, (value,) in parse_qs(urlsplit(urlsplit(address).fragment).query).items()}
    assert title == "compare the students of emot"
    assert asked == {"runs": [teacher, *students], "experiments": ["1", "2"]}
    # Where most of them are.
    assert "/#/experiments/1/runs?viewStateShareKey=kdops-emot-" in best


def test_addresses_hold_no_password_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "https://me:secret@host:5000/mlflow")
    assert places.how_to_look() == "https://host:5000/mlflow"


def test_where_the_pages_have_other_addresses_none_are_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "databricks://profile")
    assert places.how_to_look() == places.how_to_look("beef") == "databricks://profile"


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
