"""Every student, for texts and for words, all the way: tuned, exported, checked for parity, measured, registered."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from place import Place, make_place, write_reviews, write_tags
from promised import check_student, check_trials, check_version, only, run_here

import entrypoints.distill
from kdops.deploy.predictor import Inputs, Predictor, TextPrediction
from kdops.measure.measurement import measure
from kdops.measure.turns import Measured, SideBySide
from kdops.models.student_kinds import BERT_STUDENTS, STUDENTS
from kdops.steps.distill import comparison

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TASKS = ("text-classification", "token-classification")


@dataclass(frozen=True)
class Shop:
    """A place with one small data set, whose teacher the first student trains and all others use."""

    place: Place
    task: str
    dataset: Path


@pytest.fixture(scope="module", params=TASKS)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Shop:
    place = make_place(tmp_path_factory.mktemp("students"), tracking_template)
    write = write_reviews if request.param == TASKS[0] else write_tags
    return Shop(place, request.param, write(place.folder / "shop", train=40, held_out=20))


def measured_briefly(bundles: Sequence[Path], inputs: Inputs, *, threads: int, rounds: int) -> SideBySide:
    """The student for a moment, and its costs for all the others: costs are not what this is about."""
    cost = measure(bundles[0], inputs, threads=threads, calls=20, batch_seconds=0.1)
    return SideBySide(tuple(Measured((cost,)) for _ in bundles), other_cores=0.0)


# Mini and Small are Tiny with larger numbers.
LARGER = ("bert-mini", "bert-small")


@pytest.mark.parametrize(
    "student", [pytest.param(name, marks=pytest.mark.nightly if name in LARGER else ()) for name in STUDENTS]
)
def test_a_student_goes_the_whole_way(shop: Shop, student: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "measure_side_by_side", measured_briefly)
    for name, value in shop.place.settings.items():
        monkeypatch.setenv(name, value)
    # As `mlflow run` says it; a new experiment would keep its artifacts below the working folder of these tests.
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
    asked = {"student": student, "recipe": "kd", "init": "teacher" if student in BERT_STUDENTS else "random"}
    budget = {"trials": 1, "epochs": 1, "teacher_epochs": 1, "max_length": 32}
    done = run_here(entrypoints.distill.main, dataset=shop.dataset, teacher="scratch", **asked, **budget)

    run = shop.place.runs("student")[-1]
    check_student(run, shop.task, "shop", student, "kd")
    check_trials(shop.place, run, 1)
    number = len(shop.place.runs("student"))
    check_version(shop.place, "kdops-shop", number, run)
    assert f"registered: kdops-shop version {number}" in done.stdout
    # One teacher for all.
    assert run.data.tags["kdops.teacher_run"] == only(shop.place.runs("teacher")).info.run_id

    bundle = max(shop.place.home.glob("students/*/bundle"), key=lambda folder: folder.stat().st_mtime)
    predictor = Predictor.load(bundle)
    assert (predictor.info.student, predictor.info.task) == (student, shop.task)
    for answer in predictor.predict(["makanan enak", "", "di sini 🍜 " * 40]):
        assert isinstance(answer, TextPrediction) is (shop.task == TASKS[0])
