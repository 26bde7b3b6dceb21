from pathlib import Path

import pytest
from taught import Taught

from kdops.deploy.bundle_scores import bundle_scores
from kdops.deploy.predictor import GRAPH_FILE, Predictor
from kdops.deploy.tolerances import Parity
from kdops.steps.teacher import bundle as step


def test_a_teacher_has_one_bundle_and_how_exact_it_is(taught: Taught) -> None:
    made = step.teacher_bundle(taught.teacher, taught.corpus)
    assert Predictor.load(made.path).info.student == "teacher"
    assert made.parity.texts == 6
    assert made.parity.max_logit_difference < 1e-4
    written = (made.path / "bundle.json").stat().st_mtime_ns
    assert step.teacher_bundle(taught.teacher, taught.corpus) == made
    assert (made.path / "bundle.json").stat().st_mtime_ns == written


def test_its_int8_form_is_smaller_and_scored_whatever_it_lost(taught: Taught) -> None:
    bundle = step.teacher_bundle(taught.teacher, taught.corpus)
    assert bundle is not None
    made = step.int8_teacher(bundle, taught.corpus)
    assert Predictor.load(made.path).info.precision == "int8"
    assert (made.path / GRAPH_FILE).stat().st_size < (bundle.path / GRAPH_FILE).stat().st_size
    assert made.scores == bundle_scores(taught.corpus, made.path)
    assert step.int8_teacher(bundle, taught.corpus) == made


def test_a_bundle_that_differs_is_not_kept(taught: Taught, monkeypatch: pytest.MonkeyPatch, kdops_home: Path) -> None:
    monkeypatch.setattr("kdops.deploy.parity.check_parity", lambda *args: Parity(6, 0.5, 1.0, 0.5, 0.0))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="does not match the teacher: logits differ"):
            step.teacher_bundle(taught.teacher, taught.corpus)
    assert not [path for path in (kdops_home / "teacher-bundles").iterdir() if path.suffix != ".lock"]
