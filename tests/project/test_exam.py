"""A grid through `mlflow run`: interrupted, done by two exams at once, done again, and with a cell that fails."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import mlflow.artifacts
import psutil
import pytest
from mlflow.entities import Run
from place import Place, make_place, write_reviews

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

GRID = {"students": "bilstm,cnn", "recipes": "kd,vanilla", "seeds": 1, "workers": 2, "teacher": "scratch"}
BUDGET = {"trials": 1, "epochs": 1, "teacher_epochs": 2, "max_length": 32, "precision": "fp32"}
CELLS = {(student, recipe) for student in ("bilstm", "cnn") for recipe in ("kd", "vanilla")}
PATIENCE_S = 500


@dataclass
class Story:
    """What each start of the same exam said, how it ended, and the students that there were then."""

    place: Place
    asked: dict[str, object]
    said: dict[str, str] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    students: dict[str, list[Run]] = field(default_factory=dict)
    left: dict[str, set[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        return self.place.start("exam", self.place.folder / f"{name}.log", **self.asked)

    def end(self, name: str, process: subprocess.Popen[bytes]) -> None:
        try:
            self.ended[name] = process.wait(PATIENCE_S)
        finally:
            process.kill()
        self.keep(name, (self.place.folder / f"{name}.log").read_text(encoding="utf-8"))

    def keep(self, name: str, said: str) -> None:
        self.said[name], self.students[name] = said, self.place.runs("student")
        self.left[name] = {run.info.status for run in self.place.runs()}

    def through_mlflow(self, name: str) -> None:
        began = time.monotonic()
        done = self.place.mlflow_run("exam", **self.asked)
        self.seconds[name] = time.monotonic() - began
        self.ended[name] = done.returncode
        self.keep(name, done.stderr + done.stdout)

    def exam_run(self, at: int) -> Run:
        return self.place.runs("exam")[at]


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Story:
    place = make_place(tmp_path_factory.mktemp("exam"), tracking_template)
    dataset = write_reviews(place.folder / "reviews")
    story = Story(place, {"datasets": dataset, **GRID, **BUDGET})

    process = story.start("interrupted")
    wait_until(lambda: any(run.info.status == "RUNNING" for run in place.runs("trial")), process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    story.end("interrupted", process)
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []

    process = story.start("beside")
    story.through_mlflow("first")
    story.end("beside", process)

    story.through_mlflow("again")

    (broken,) = place.home.glob("studies/reviews-cnn-kd-*")
    shutil.rmtree(broken)
    broken.touch()
    place.client.delete_run(finished(place)[("cnn", "kd")].info.run_id)
    story.end("broken", story.start("broken"))

    broken.unlink()
    story.end("repaired", story.start("repaired"))
    return story


def finished(place: Place) -> dict[tuple[str, str], Run]:
    """The students that were made, by student and recipe; each must be there once."""
    made = [
        run
        for run in place.runs("student")
        if run.info.status == "FINISHED" and "kdops.reused_run" not in run.data.tags
    ]
    cells = {(run.data.tags["kdops.student"], run.data.tags["kdops.recipe"]): run for run in made}
    assert len(cells) == len(made)
    return cells


def test_sigterm_closes_all_runs(story: Story) -> None:
    assert story.ended["interrupted"] == 128 + signal.SIGTERM
    assert "RUNNING" not in story.left["interrupted"]
    assert story.exam_run(0).info.status == "KILLED"
    assert "Traceback" not in story.said["interrupted"]


def test_two_exams_at_once_do_no_cell_twice(story: Story) -> None:
    assert (story.ended["first"], story.ended["beside"]) == (0, 0)
    assert finished(story.place).keys() == CELLS
    assert len([run for run in story.place.runs("teacher") if run.info.status == "FINISHED"]) == 1
    baselines = [
        run.data.tags["kdops.student"] for run in story.place.runs("baseline") if run.info.status == "FINISHED"
    ]
    # That of `cnn kd` is found again when the cell is repaired.
    assert sorted(baselines) == ["bilstm", "cnn"]


def test_it_says_what_it_found(story: Story) -> None:
    said = story.said["again"]
    rows = [line.split()[:3] for line in said.splitlines()]
    assert all(["reviews", *cell] in rows for cell in CELLS)
    assert "reviews: " in said
    assert "all runs of reviews, the best first: http://" in said
    run = story.exam_run(2)
    assert run.info.status == "FINISHED"
    files = {file.path for file in story.place.client.list_artifacts(run.info.run_id)}
    assert files >= {"cells.json", "students.json", "students.csv", "comparisons.json", "comparisons.csv", "report"}
    compared = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/comparisons.csv").splitlines()
    assert [line.split(",")[:3] for line in compared[1:]] == [["reviews", "bilstm", "cnn"]]
    pages = {file.path for file in story.place.client.list_artifacts(run.info.run_id, "report")}
    assert {"report/report.html", "report/reviews-ladder.png"} <= pages


def test_finished_cells_are_children_that_no_exam_does_again(story: Story) -> None:
    parents = {run.data.tags["mlflow.parentRunId"] for run in story.students["again"]}
    assert parents <= {run.info.run_id for run in story.place.runs("exam")}
    assert "4 cells: 4 finished, 0 to do" in story.said["again"]
    assert len(story.students["again"]) == len(story.students["beside"])
    assert story.place.children(story.exam_run(3)) == []


def test_a_cell_that_fails_keeps_no_other_up(story: Story) -> None:
    assert story.ended["broken"] == 1
    (line,) = [line for line in story.said["broken"].splitlines() if line.startswith("error:")]
    assert line.startswith("error: reviews cnn kd seed 1: FileExistsError: ")
    assert "Traceback" not in story.said["broken"]
    assert "4 cells: 3 finished, 1 to do" in story.said["broken"]
    run = story.exam_run(4)
    assert run.info.status == "FAILED"
    assert run.data.tags["kdops.error"] == "1 of 4 cells failed"
    (child,) = story.place.children(run)
    assert child.info.status == "FAILED"
    assert child.data.tags["kdops.error"].startswith("FileExistsError: ")
    table = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/cells.csv")
    assert "reviews,cnn,kd,1,failed" in table


def test_the_same_command_does_what_failed(story: Story) -> None:
    assert story.ended["repaired"] == 0
    assert "4 cells: 3 finished, 1 to do" in story.said["repaired"]
    assert {run.info.status for run in story.place.runs()} <= {"FINISHED", "KILLED", "FAILED"}
    assert finished(story.place).keys() == CELLS


def test_nothing_is_left_behind(story: Story) -> None:
    mine = [
        one
        for one in psutil.process_iter(["cmdline"])
        if str(story.place.folder) in " ".join(one.info["cmdline"] or ())
    ]
    assert [one.pid for one in mine if one.pid != os.getpid()] == []
