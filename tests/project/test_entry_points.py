"""Each entry point through `mlflow run`, from data to champion, for both tasks."""

import functools
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
from place import Place, make_place, options, write_reviews, write_tags
from promised import (
    COSTS,
    HOST,
    VERSIONS,
    champion,
    check_student,
    check_trials,
    check_version,
    measured,
    only,
    run_here,
    scores,
)
from typer.testing import CliRunner

import entrypoints.distill
import entrypoints.export
import entrypoints.measure
import entrypoints.promote
from kdops.deploy.predictor import Predictor
from kdops.measure import turns
from kdops.measure.measurement import measure
from kdops.measure.sweeps import sweep_side_by_side
from kdops.models.student_kinds import KINDS
from kdops.steps import measure as measure_step

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EPOCHS = 2
BUDGET = {"epochs": EPOCHS, "teacher_epochs": EPOCHS, "cost_rounds": 1}


@dataclass(frozen=True)
class Worked:
    """A place where entry points have run, and what they said, by name."""

    place: Place
    dataset: Path
    said: dict[str, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Worked:
    """A teacher, then a student, then its promotion."""
    place = make_place(tmp_path_factory.mktemp("text"), tracking_template)
    dataset = write_reviews(place.folder / "My Reviews")
    common = {"dataset": dataset, "teacher": "scratch"}
    said = {
        "train_teacher": place.mlflow_run("train_teacher", epochs=EPOCHS, **common),
        # As most users type it: where there is no conda, the current environment is used.
        "distill": place.mlflow_run("distill", env_manager=None, student="bilstm", trials=2, **common, **BUDGET),
        "promote": place.mlflow_run("promote", dataset=dataset, min_f1_retained=0.01),
    }
    student = place.runs("student")[0].info.run_id
    said["export"] = place.mlflow_run("export", run_id=student, output=place.folder / "exported")
    return Worked(place, dataset, said)


@pytest.fixture(scope="module")
def tags(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Worked:
    """The entry points `main` and `exam` on a data set of tags, without unlabeled text."""
    place = make_place(tmp_path_factory.mktemp("tags"), tracking_template)
    dataset = write_tags(place.folder / "names")
    budget = {"trials": 1, "epochs": 1, "teacher_epochs": 2, "max_length": 32, "precision": "fp32", "cost_rounds": 1}
    common = {"teacher": "scratch", **budget}
    said = {"main": place.mlflow_run("main", dataset=dataset, **common)}
    # One of its cells is what `main` made.
    cells = {"students": "bilstm,cnn", "recipes": "kd-unlabeled-teacher", "seeds": 1}
    said["exam"] = place.mlflow_run("exam", datasets=dataset, **cells, **common)
    return Worked(place, dataset, said)


class TestText:
    def test_the_teacher_is_logged_with_scores_and_weights(self, text: Worked) -> None:
        teacher = only(text.place.runs("teacher"))
        assert teacher.info.status == "FINISHED"
        assert measured(teacher, "val.", "test.") == scores("text-classification", "val", "test")
        assert teacher.data.tags.keys() >= {"kdops.dataset", "kdops.task", "kdops.fingerprint"} | HOST | VERSIONS
        assert teacher.data.params["cfg.epochs"] == str(EPOCHS)
        files = {file.path for file in text.place.client.list_artifacts(teacher.info.run_id, "teacher")}
        assert files >= {"teacher/model.safetensors", "teacher/tokenizer.json", "teacher/config.json"}
        assert f"run: {teacher.info.run_id}\n" in text.said["train_teacher"].stdout

    def test_the_student_is_logged_by_the_promised_names(self, text: Worked) -> None:
        student = text.place.runs("student")[0]
        check_student(student, "text-classification", "my-reviews")
        splits = {one.tags[0].value for one in student.inputs.dataset_inputs}
        assert splits == {"training", "validation", "test"}
        retained = student.data.metrics["test.f1_retained"]
        teacher = only(text.place.runs("teacher")).data.metrics["test.f1_macro"]
        assert retained == pytest.approx(student.data.metrics["test.f1_macro"] / teacher)

    def test_it_is_told_from_the_same_student_without_distillation(self, text: Worked) -> None:
        student, baseline = text.place.runs("student")[0], only(text.place.runs("baseline"))
        assert baseline.data.tags["mlflow.parentRunId"] == student.info.run_id
        assert baseline.data.tags["kdops.recipe"] == "vanilla"
        assert not measured(baseline, "teacher.cost.", "ratio.")
        assert measured(student, "baseline.cost.") == {f"baseline.cost.{name}" for name in COSTS}
        gain = 100 * (student.data.metrics["test.f1_macro"] - student.data.metrics["baseline.test.f1_macro"])
        assert student.data.metrics["test.kd_gain"] == pytest.approx(gain)

    def test_trials_are_child_runs_with_their_state(self, text: Worked) -> None:
        student, baseline = text.place.runs("student")[0], only(text.place.runs("baseline"))
        check_trials(text.place, student, 2)
        check_trials(text.place, baseline, 2)
        first = text.place.children(student)[0].data.params
        # The setting of arXiv:2201.00558.
        assert (first["cfg.soft"], first["cfg.gold_weight"], first["cfg.temperature"]) == ("mse", "0.0", "1.0")
        assert float(first["cfg.learning_rate"]) == KINDS["bilstm"].first.learning_rate

    def test_the_teacher_of_train_teacher_is_used(self, text: Worked) -> None:
        teacher = only(text.place.runs("teacher"))
        student = text.place.runs("student")[0]
        assert student.data.tags["kdops.teacher_run"] == teacher.info.run_id
        assert f"teacher: reusing run {teacher.info.run_id}" in text.said["distill"].stderr
        # Costs stand on the run that measured them, the student's; the teacher's logged model has its latest beside.
        assert not measured(teacher, "teacher.cost.", "ratio.")
        assert measured(student, "teacher.cost.") == {f"teacher.cost.{name}" for name in COSTS}

    def test_the_version_is_registered(self, text: Worked) -> None:
        check_version(text.place, "kdops-my-reviews", 1, text.place.runs("student")[0])

    def test_the_table_is_printed(self, text: Worked) -> None:
        printed = text.said["distill"].stdout
        assert re.search(
            r"^ +teacher fp32 +teacher int8 +linear +baseline (fp32|int8) +student (fp32|int8) +teacher / student$",
            printed,
            re.MULTILINE,
        )
        for row in ("test f1_macro", "latency p50, ms", "latency p95, ms", "CPU per text, ms", "RAM peak, MB"):
            assert re.search(rf"^{row} +[\d.]+ +[\d.]+ +[\d.]+", printed, re.MULTILINE)
        assert "registered: kdops-my-reviews version 1, alias challenger" in printed
        assert f"mlflow ui --backend-store-uri {text.place.tracking_uri}" in printed

    def test_the_faster_of_fp32_and_int8_is_registered(self, text: Worked) -> None:
        student = text.place.runs("student")[0]
        found, precision = student.data.metrics, student.data.tags["kdops.precision"]
        p50 = {name: found[f"{name}.cost.latency_p50_ms"] for name in ("fp32", "int8")}
        assert student.data.tags["kdops.int8"] == "passed"
        assert found["int8.label_agreement"] >= 0.98
        assert found["int8.metric_difference"] <= 0.005
        assert p50[precision] == min(p50.values()) == found["cost.latency_p50_ms"]
        assert found["int8.cost.storage_mb"] < found["fp32.cost.storage_mb"]
        version = text.place.client.get_model_version_by_alias("kdops-my-reviews", "challenger")
        assert version.tags["kdops.precision"] == precision
        assert f"precision: {precision} (" in text.said["distill"].stdout

    def test_promote_moves_the_champion(self, text: Worked) -> None:
        assert "version 1 promoted: all limits hold" in text.said["promote"].stdout
        assert champion(text.place, "kdops-my-reviews") == 1
        assert only(text.place.runs("promote")).data.tags["kdops.promoted"] == "true"

    def test_export_writes_both_precisions(self, text: Worked) -> None:
        exported = {one: Predictor.load(text.place.folder / "exported" / one) for one in ("fp32", "int8")}
        assert {one: predictor.info.precision for one, predictor in exported.items()} == {
            "fp32": "fp32",
            "int8": "int8",
        }
        student, run = text.place.runs("student")[0], only(text.place.runs("export"))
        assert run.data.tags["kdops.exported_run"] == student.info.run_id
        assert run.data.tags["kdops.int8"] == "passed"
        assert run.data.metrics["int8.label_agreement"] == student.data.metrics["int8.label_agreement"]
        assert re.search(
            r"^int8 beside fp32 on 30 validation texts: [\d.]+% of", text.said["export"].stdout, re.MULTILINE
        )


class TestTags:
    def test_the_student_is_logged_by_the_promised_names(self, tags: Worked) -> None:
        student = tags.place.runs("student")[0]
        check_student(student, "token-classification", "names")
        check_trials(tags.place, student, 1)
        teacher = only(tags.place.runs("teacher"))
        assert measured(teacher, "val.", "test.") == scores("token-classification", "val", "test")
        assert teacher.data.tags["mlflow.parentRunId"] == student.info.run_id

    def test_main_distills_and_promotes(self, tags: Worked) -> None:
        check_version(tags.place, "kdops-names", 1, tags.place.runs("student")[0])
        assert "test f1_entity_macro" in tags.said["main"].stdout
        assert "version 1 promoted" in tags.said["main"].stdout
        assert champion(tags.place, "kdops-names") == 1

    def test_missing_unlabeled_text_is_said(self, tags: Worked) -> None:
        assert "no unlabeled text lies beside names" in tags.said["main"].stderr

    def test_an_exam_finds_what_is_finished_makes_the_rest_and_compares(self, tags: Worked) -> None:
        said = tags.said["exam"]
        assert "2 cells: 1 finished, 1 to do" in said.stderr
        table = [line.split()[:3] for line in said.stdout.splitlines()]
        assert [["names", student, "kd-unlabeled-teacher"] in table for student in ("bilstm", "cnn")] == [True, True]
        exam = only(tags.place.runs("exam"))
        assert exam.info.status == "FINISHED"
        made = [run for run in tags.place.children(exam) if "kdops.reused_run" not in run.data.tags]
        check_student(only(made), "token-classification", "names", "cnn")
        files = {file.path for file in tags.place.client.list_artifacts(exam.info.run_id)}
        assert files >= {"cells.json", "students.json", "students.csv", "comparisons.json", "comparisons.csv", "report"}


class TestAgain:
    """More of the same, in this process, where importing everything costs no time."""

    @pytest.fixture(autouse=True)
    def _there(self, text: Worked, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in text.place.settings.items():
            monkeypatch.setenv(name, value)
        # As `mlflow run` says it; a new experiment would keep its artifacts below the working folder of these tests.
        monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")

    def test_nothing_is_done_twice(self, text: Worked, caplog: pytest.LogCaptureFixture) -> None:
        done = run_here(entrypoints.distill.main, dataset=text.dataset, teacher="scratch", trials=2, **BUDGET)
        first, second = text.place.runs("student")
        assert f"student: reusing run {first.info.run_id}" in caplog.messages
        assert f"run: {first.info.run_id} (reused)" in done.stdout
        assert second.info.status == "FINISHED"
        assert second.data.tags["kdops.reused_run"] == first.info.run_id
        # What it found stands in lists once: on the run that made it.
        assert not [name for name in second.data.metrics if name.startswith(("test.", "cost."))]
        assert text.place.children(second) == []
        # The same table, so that nobody has to look elsewhere.
        assert done.stdout.split("\nrun: ")[0] == text.said["distill"].stdout.split("\nrun: ")[0]

    def test_more_trials_go_on_from_the_finished_ones(self, text: Worked) -> None:
        before = {run.info.run_id for run in text.place.runs("trial")}
        done = run_here(entrypoints.distill.main, dataset=text.dataset, teacher="scratch", trials=3, **BUDGET)
        assert "version 2, alias challenger" in done.stdout
        new = [run for run in text.place.runs("trial") if run.info.run_id not in before]
        assert sorted(run.data.tags["kdops.recipe"] for run in new) == ["kd-unlabeled-teacher", "vanilla"]
        studies = optuna.get_all_study_summaries(f"sqlite:///{text.place.folder / 'optuna.db'}")
        assert [study.n_trials for study in studies] == [3, 3]

    def test_a_teacher_is_exported_too(self, text: Worked, tmp_path: Path) -> None:
        teacher = only(text.place.runs("teacher")).info.run_id
        done = run_here(entrypoints.export.main, run_id=teacher, output=tmp_path / "out")
        assert Predictor.load(tmp_path / "out" / "fp32").info.student == "teacher"
        assert Predictor.load(tmp_path / "out" / "int8").info.precision == "int8"
        assert f"int8: {tmp_path / 'out' / 'int8'}, " in done.stdout
        again = CliRunner().invoke(entrypoints.export.main, options(run_id=teacher, output=tmp_path / "out"))
        assert (again.exit_code, again.stderr) == (
            2,
            f"error: output={tmp_path / 'out'} is not an empty folder; name another\n",
        )
        trial = text.place.runs("trial")[0].info.run_id
        wrong = CliRunner().invoke(entrypoints.export.main, options(run_id=trial, output=tmp_path / "other"))
        assert wrong.stderr == f"error: run {trial} is no finished student or teacher; its role is trial\n"
        unknown = CliRunner().invoke(entrypoints.export.main, options(run_id="beef", output=tmp_path / "other"))
        assert unknown.stderr.startswith("error: no run 'beef': ")

    def test_a_precision_of_ones_own(self, text: Worked, monkeypatch: pytest.MonkeyPatch) -> None:
        trained = len(text.place.runs("trial"))
        asked = {"dataset": text.dataset, "teacher": "scratch", "trials": 2, **BUDGET}
        for precision in ("fp32", "int8"):
            done = run_here(entrypoints.distill.main, precision=precision, **asked)
            student = text.place.runs("student")[-1]
            assert student.data.tags["kdops.precision"] == precision
            assert f"precision: {precision}" in done.stdout
            assert ("int8.label_agreement" in student.data.metrics) == (precision == "int8")
        # What is tuned is tuned, whatever it is deployed in.
        assert len(text.place.runs("trial")) == trained
        monkeypatch.setattr("kdops.deploy.parity._INT8_AGREEMENT", 1.01)
        refused = CliRunner().invoke(entrypoints.distill.main, options(precision="int8", threads=2, **asked))
        assert refused.exit_code == 2
        assert "error: precision=int8: bilstm for my-reviews cannot be int8: only " in refused.stderr

    def test_a_dry_run_moves_nothing(self, text: Worked) -> None:
        done = run_here(entrypoints.promote.main, dataset=text.dataset, dry_run="true")
        assert re.search(r"version \d (would be|not) promoted: ", done.stdout)
        assert champion(text.place, "kdops-my-reviews") == 1
        assert only(text.place.runs("promote")[1:]).data.tags["kdops.promoted"] == "false"

    def test_measure_publishes_costs_and_curves(self, text: Worked, monkeypatch: pytest.MonkeyPatch) -> None:
        # A moment for each point: this is about what is published, not about how exact it is.
        monkeypatch.setattr(turns, "measure", functools.partial(measure, calls=20, batch_seconds=0.05))
        brief = functools.partial(sweep_side_by_side, seconds=0.05, requests=(1, 20))
        monkeypatch.setattr(measure_step, "sweep_side_by_side", brief)
        model = "models:/kdops-my-reviews@champion"
        bundle, *_ = text.place.home.glob("students/*/bundle")
        asked = {"model": f"{model},{bundle}", "dataset": text.dataset, "rounds": 3, "max_spread": 1000}
        done = run_here(entrypoints.measure.main, sweeps="true", **asked)
        assert "median of 3 turns" in done.stdout
        parent, *children = text.place.runs("measure")
        assert [run.data.tags["kdops.model"] for run in children[:2]] == [model, str(bundle)]
        assert children[2].data.tags["kdops.student"] == "teacher"
        for run in children:
            costs = {name.removeprefix("cost.") for name in measured(run, "cost.")}
            assert costs - {"energy_mj_per_text"} == COSTS | {"ram_growth_mb"}
            assert measured(run, "spread.") == {"spread.latency_p50_ms", "spread.cpu_ms_per_text"}
        artifacts = {file.path for file in text.place.client.list_artifacts(parent.info.run_id)}
        curves = {"latency_by_tokens", "throughput_by_batch", "throughput_by_threads", "ram_by_requests"}
        assert artifacts == {"costs.txt", "sweeps.csv", "config.json"} | {f"{curve}.png" for curve in curves}
