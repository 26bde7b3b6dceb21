from collections.abc import Callable, Mapping
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import LoggedModel

from kdops.data.corpus import load_corpus
from kdops.tracking import logged_models, names, runs
from kdops.tracking.names import Role
from kdops.tracking.recorder import MlflowRecorder

pytestmark = pytest.mark.usefixtures("connected")

SCORE, LATENCY = "test.f1_macro", names.LATENCY_P50_MS
CORPUS = load_corpus("sample")


@pytest.fixture
def made(make_bundle: Callable[..., Path]) -> Mapping[str, str]:
    """The runs of a teacher, a baseline and a student, as steps record them; the student's measures all three."""
    recorder, found = MlflowRecorder(), {}
    for role, score in ((Role.TEACHER, 0.9), (Role.BASELINE, 0.7)):
        with recorder.opened(role, role) as record:
            record.metrics({"epoch.val.f1_macro": 0.1}, 1)
            record.model(role, CORPUS, f"{role} of owner/name.v2", {"student": "cnn"})
            record.metrics({SCORE: score, "val.f1_macro": score, "phase.x_s": 3.0})
            found[role] = record.run_id
    with recorder.opened(Role.STUDENT, "student") as record:
        record.served_model(make_bundle(), CORPUS, "cnn-kd-fp32", {"student": "cnn", "recipe": "kd"})
        record.metrics({SCORE: 0.85, LATENCY: 0.5, "ratio.latency": 40.0, "phase.x_s": 3.0})
        found[Role.STUDENT] = record.run_id
        for role, cost in ((Role.TEACHER, 20.0), (Role.BASELINE, 0.6)):
            recorder.costs(found[role], CORPUS, {"latency_p50_ms": cost})
    return found


def search(filter_string: str, **more: object) -> list[LoggedModel]:
    everywhere = [one.experiment_id for one in mlflow.search_experiments()]
    found: list[LoggedModel] = mlflow.search_logged_models(
        everywhere, filter_string=filter_string, output_format="list", **more
    )
    return found


def test_one_search_compares_teacher_baseline_and_student(made: Mapping[str, str]) -> None:
    by_score = [{"field_name": f"metrics.{SCORE}", "ascending": False}]
    found = search(f"metrics.`{SCORE}` > 0.5", order_by=by_score, datasets=[{"dataset_name": "sample"}])
    assert [one.model_type for one in found] == ["teacher", "student", "baseline"]
    assert [one.source_run_id for one in found] == [made[str(one.model_type)] for one in found]
    assert [one.status for one in found] == ["READY"] * 3
    cheap = search(f"metrics.`{SCORE}` > 0.8 AND metrics.`{LATENCY}` < 1")
    assert [one.name for one in cheap] == ["cnn-kd-fp32"]
    students = search(
        f"params.`{names.MODEL_PREFIX}student` = 'cnn' AND params.`{names.MODEL_PREFIX}dataset` = 'sample'"
    )
    assert len(students) == 3


def test_each_score_and_cost_is_on_its_split_and_nothing_else_belongs_to_a_model(made: Mapping[str, str]) -> None:
    on = {"val.f1_macro": "validation", SCORE: "test", LATENCY: "validation", "ratio.latency": "validation"}
    for role, run_id in made.items():
        (model,) = search(f"model_type = '{role}'")
        metrics = model.metrics or []
        assert {one.key for one in metrics} <= on.keys()
        assert LATENCY in {one.key for one in metrics}
        for one in metrics:
            assert (one.dataset_name, one.dataset_digest) == ("sample", f"{CORPUS.fingerprint}-{on[one.key]}")
        # The run has the same, and what is its own.
        logged = runs.get_metrics(run_id)
        assert logged.keys() > {one.key for one in metrics}
        assert logged_models.latest_metrics(model.model_id) == {one.key: logged[one.key] for one in metrics}


def test_the_run_names_its_model(made: Mapping[str, str]) -> None:
    for role, run_id in made.items():
        found = logged_models.of_run(run_id, CORPUS)
        assert found
        assert found.model_id == search(f"model_type = '{role}'")[0].model_id


def test_a_run_without_a_model_takes_costs_too() -> None:
    with runs.tracked(Role.TEACHER, "of an older kdops") as run:
        pass
    MlflowRecorder().costs(run.run_id, CORPUS, {"latency_p50_ms": 20.0})
    assert runs.get_metrics(run.run_id) == {LATENCY: 20.0}
    assert search("") == []
