"""The choices of a user beyond the defaults, each through `mlflow run`."""

import csv
from pathlib import Path

import pytest
from place import Place, make_place, write_csv
from promised import champion, check_student, check_trials, check_version, only

from kdops.data.catalog import CATALOG

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BUDGET = {
    "trials": 1,
    "epochs": 1,
    "teacher_epochs": 1,
    "max_length": 48,
    "teacher": "scratch",
    "precision": "fp32",
    "cost_rounds": 1,
}


@pytest.fixture
def place(tmp_path: Path, tracking_template: Path) -> Place:
    return make_place(tmp_path, tracking_template)


def test_the_catalogue_is_printed(place: Place) -> None:
    printed = place.mlflow_run("list_datasets").stdout
    table = printed.rpartition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in table[2:]] == list(CATALOG)
    assert not place.home.exists()


@pytest.mark.nightly
def test_a_bert_student_starts_from_its_teacher(place: Place) -> None:
    asked = {"dataset": "sample-tags", "student": "bert-tiny", "recipe": "kd", "init": "teacher"}
    done = place.mlflow_run("distill", **asked, **BUDGET)
    run = only(place.runs("student"))
    check_student(run, "token-classification", "sample-tags", "bert-tiny", "kd")
    check_trials(place, run, 1)
    check_version(place, "kdops-sample-tags", 1, run)
    assert run.data.params["cfg.init"] == "teacher"
    # Both students: with distillation, and without.
    assert done.stderr.count("started from 2 of the teacher's 2 layers and 128 of its 128 dimensions") >= 2
    assert run.data.metrics["parameters_without_embeddings"] > 4e5


def test_fasttext_embeddings_come_from_the_unlabeled_texts_too(place: Place) -> None:
    asked = {"dataset": "sample", "student": "cnn", "recipe": "kd-unlabeled-fasttext", "unlabeled_max": 300}
    done = place.mlflow_run("distill", **asked, **BUDGET)
    run = only(place.runs("student"))
    check_student(run, "text-classification", "sample", "cnn", "kd-unlabeled-fasttext")
    assert run.data.params["cfg.embeddings"] == "fasttext"
    assert (run.data.metrics["unlabeled.kept"], run.data.metrics["unlabeled_texts"]) == (300, 300)
    assert run.data.metrics["unlabeled.read"] == 4000
    assert run.data.metrics["unlabeled.held_out"] == 0
    assert "embeddings: training fastText vectors on 1800 texts" in done.stderr
    (kept,) = place.home.glob("studies/*/fasttext-*.safetensors")
    assert "kd-unlabeled-fasttext" in str(kept)


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> tuple[Place, str, str]:
    """Where the user's own table was distilled and promoted, what was said of the one, and of the other."""
    place = make_place(tmp_path_factory.mktemp("own"), tracking_template)
    folder = write_csv(place.folder / "Data 2024")
    own = {"dataset": folder, "name": "Warung Reviews", "text_column": "ulasan", "label_column": "nada"}
    distilled = place.mlflow_run("distill", **own, **BUDGET, recipe="kd-unlabeled", unlabeled="augmented")
    promoted = place.mlflow_run("promote", **own, min_f1_retained=0.01)
    return place, distilled.stderr, promoted.stdout


class TestOwnTable:
    """CSV files with columns and a name of the user's, no validation split, and no unlabeled text."""

    def test_it_is_called_as_the_user_says(self, worked: tuple[Place, str, str]) -> None:
        place, _, _ = worked
        run = only(place.runs("student"))
        check_student(run, "text-classification", "warung-reviews", "bilstm", "kd-unlabeled")
        check_version(place, "kdops-warung-reviews", 1, run)
        assert {one.data.tags["kdops.dataset"] for one in place.runs()} == {"warung-reviews"}

    def test_validation_is_made_from_train_and_that_is_said(self, worked: tuple[Place, str, str]) -> None:
        place, said, _ = worked
        run = only(place.runs("student"))
        rows = {split: run.data.metrics[f"data.rows_{split}"] for split in ("train", "validation", "test")}
        assert rows["train"] + rows["validation"] == rows["test"] == 90
        assert rows["validation"] > 0
        assert f"made from train: validation ({rows['validation']:.0f} rows)" in said

    def test_texts_without_labels_are_made_from_train(self, worked: tuple[Place, str, str]) -> None:
        place, _, _ = worked
        run = only(place.runs("student"))
        assert run.data.params["cfg.unlabeled"] == "augmented"
        assert run.data.metrics["unlabeled_texts"] == run.data.metrics["unlabeled.kept"] > 90
        (made,) = place.home.glob("augmented-texts/*/texts.jsonl")
        texts = made.read_text(encoding="utf-8")
        assert "[MASK]" in texts
        with (place.folder / "Data 2024" / "test.csv").open(encoding="utf-8", newline="") as file:
            numbers = [row["nomor"] for row in csv.DictReader(file)]
        assert not any(f' {number}"' in texts for number in numbers)

    def test_promote_finds_it_by_the_same_parameters(self, worked: tuple[Place, str, str]) -> None:
        place, _, printed = worked
        assert "version 1 promoted: all limits hold" in printed
        assert champion(place, "kdops-warung-reviews") == 1
        assert only(place.runs("promote")).data.params["cfg.text_column"] == "ulasan"
