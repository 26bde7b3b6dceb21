from dataclasses import replace

import pytest
from taught import Taught

from kdops.deploy.parity import Parity
from kdops.deploy.predictor import Predictor
from kdops.steps import teacher_bundle as step
from kdops.steps.teacher import TrainedTeacher
from kdops.tracking import runs
from kdops.tracking.names import Role


@pytest.fixture
def teacher(taught: Taught, tracking_uri: str) -> TrainedTeacher:
    runs.connect()
    with runs.tracked(Role.TEACHER, "teacher") as run:
        pass
    return replace(taught.teacher, run_id=run.run_id, metrics={f"val.{taught.corpus.main_metric}": 0.5})


def test_the_teachers_run_learns_how_exact_its_bundle_is(taught: Taught, teacher: TrainedTeacher) -> None:
    folder = step.teacher_bundle(teacher, taught.corpus, 16)
    assert Predictor.load(folder).info.student == "teacher"
    logged = runs.get_metrics(teacher.run_id)
    assert logged["parity.texts"] == 6
    assert logged["parity.max_logit_difference"] < 1e-4
    assert runs.get_tags(teacher.run_id)["kdops.parity"] == "passed"


def test_a_bundle_that_differs_is_not_kept(
    taught: Taught, teacher: TrainedTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "check_parity", lambda *args: Parity(6, 0.5, 1.0, 0.5, 0.0))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="does not match the teacher: logits differ"):
            step.teacher_bundle(teacher, taught.corpus, 17)
    assert runs.get_tags(teacher.run_id)["kdops.parity"] == "failed"
    assert runs.get_metrics(teacher.run_id)["parity.max_logit_difference"] == 0.5
