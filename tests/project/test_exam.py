"""A grid whose exam is ended, killed, started twice at once, and has a cell that fails; then done.

While two run at once, one worker is stopped, another killed, and the clock set back and ahead.
"""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import mlflow.artifacts
import psutil
import pytest
from clock import Clock, make_clock
from mlflow.entities import Run
from place import Place, make_place, write_reviews

from kdops.process import is_dead

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(1200)]

GRID = {"students": "bilstm,cnn", "recipes": "kd", "seeds": 1, "workers": 2, "teacher": "scratch"}
BUDGET = {"trials": 1, "epochs": 1, "teacher_epochs": 2, "max_length": 32, "precision": "fp32", "cost_rounds": 1}
STUDENTS = {"bilstm", "cnn"}
PATIENCE_S = 500
HUNG_AFTER_MIN = 0.3
HOUR_S = 3600


@dataclass
class Story:
    """The output of each start of one exam, how it ended, the runs that it left open, and all there were then."""

    place: Place
    asked: dict[str, object]
    said: dict[str, str] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    left_open: dict[str, list[str]] = field(default_factory=dict)
    made: dict[str, set[str]] = field(default_factory=dict)
    clock: Clock | None = None
    began_ms: float = 0.0

    def start(self, name: str, **more: object) -> subprocess.Popen[bytes]:
        return self.place.start("exam", self.place.folder / f"{name}.log", **self.asked, **more)

    def end(self, name: str, process: subprocess.Popen[bytes]) -> None:
        try:
            self.ended[name] = process.wait(PATIENCE_S)
        finally:
            process.kill()
        self.keep(name, (self.place.folder / f"{name}.log").read_text(encoding="utf-8"))

    def keep(self, name: str, said: str) -> None:
        self.said[name] = said
        runs = self.place.runs()
        self.made[name] = {run.info.run_id for run in runs}
        still_open = [run for run in runs if run.info.status == "RUNNING"]
        self.left_open[name] = [f"{run.info.run_name} {run.info.run_id} {run.data.tags}" for run in still_open]

    def through_mlflow(self, name: str) -> None:
        done = self.place.mlflow_run("exam", **self.asked)
        self.ended[name] = done.returncode
        self.keep(name, done.stderr + done.stdout)

    def set_clock(self, ahead_s: int) -> None:
        if self.clock:
            self.clock.set(ahead_s)

    def exam_run(self, at: int) -> Run:
        return self.place.runs("exam")[at]


def wait_until(happened: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
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

    for name, end_by in (("terminated", signal.SIGTERM), ("killed", signal.SIGKILL)):
        process = story.start(name)
        wait_until(lambda: trials_at_work(place), process)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(end_by)
        story.end(name, process)
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert alive == []

    story.clock = make_clock(place.folder)
    story.began_ms = 1000 * time.time()
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in (story.clock.settings if story.clock else {}).items():
            monkeypatch.setenv(name, value)
        process, beside = (story.start(name, hung_after_min=HUNG_AFTER_MIN) for name in ("first", "beside"))
    wait_until(lambda: trials_at_work(place) and len(place.runs("exam")) == 4, process)
    stopped = trials_at_work(place)[0]
    stop_between_writes(place, worker_of(stopped))
    story.set_clock(-2 * HOUR_S)
    wait_until(lambda: others_at_work(place, stopped), process)
    os.kill(worker_of(others_at_work(place, stopped)[0]), signal.SIGKILL)
    story.set_clock(24 * HOUR_S)
    story.end("first", process)
    story.end("beside", beside)

    work = finished(place)["cnn"].data.tags["kdops.fingerprint"]
    (broken,) = place.home.glob(f"students/{work}-*")
    shutil.rmtree(broken)
    broken.touch()
    place.client.delete_run(finished(place)["cnn"].info.run_id)
    story.end("broken", story.start("broken"))

    broken.unlink()
    story.end("planned", story.start("planned", plan="true"))
    story.through_mlflow("repaired")
    return story


def trials_at_work(place: Place) -> list[Run]:
    """Those whose process is alive: what a killed exam left open is still RUNNING."""
    begun = [run for run in place.runs("trial") if run.info.status == "RUNNING" and "kdops.process" in run.data.tags]
    return [run for run in begun if not is_dead(run.data.tags["kdops.process"])]


def others_at_work(place: Place, one: Run) -> list[Run]:
    """Those of the other student."""
    student = one.data.tags["kdops.student"]
    return [run for run in trials_at_work(place) if run.data.tags["kdops.student"] != student]


def worker_of(run: Run) -> int:
    return int(run.data.tags["kdops.process"].split(":")[1])


def stop_between_writes(place: Place, pid: int) -> None:
    """Stop a process while it holds no lock on the databases, which all the others would wait for."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        try:
            for name in ("mlflow.db", "optuna.db"):
                with sqlite3.connect(place.folder / name, timeout=5) as database:
                    database.execute("begin exclusive")
            return
        except sqlite3.OperationalError:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.1)


def finished(place: Place) -> dict[str, Run]:
    """The students that were made, by name; each must be there once."""
    made = [
        run
        for run in place.runs("student")
        if run.info.status == "FINISHED" and "kdops.reused_run" not in run.data.tags
    ]
    cells = {run.data.tags["kdops.student"]: run for run in made}
    assert len(cells) == len(made)
    return cells


@pytest.mark.parametrize(("name", "code"), [("terminated", 128 + signal.SIGTERM), ("killed", -signal.SIGKILL)])
def test_an_exam_that_is_ended_ends_its_workers(story: Story, name: str, code: int) -> None:
    assert story.ended[name] == code
    assert "Traceback" not in story.said[name]


def test_sigterm_closes_all_runs(story: Story) -> None:
    assert story.left_open["terminated"] == []
    assert story.exam_run(0).info.status == "KILLED"


def test_only_the_cells_of_a_stopped_and_of_a_killed_worker_are_begun_again(story: Story) -> None:
    said = story.said["first"] + story.said["beside"]
    again = re.findall(r"reviews (\w+) kd seed 1: its worker process (.*); it is begun again in another", said)
    assert sorted(how for _, how in again) == [f"hung for {HUNG_AFTER_MIN} min", "was killed"]
    assert {student for student, _ in again} == STUDENTS


def test_a_clock_that_is_set_ends_nothing_and_no_duration_is_taken_from_it(story: Story) -> None:
    """Otherwise cells would be taken for hung, or wait for hours: the other tests would see that."""
    if story.clock is None:
        pytest.skip("no C compiler (cc) makes the clock that can be set")
    starts_h = [(run.info.start_time - story.began_ms) / 1000 / HOUR_S for run in story.place.runs()]
    assert any(23 < start < 25 for start in starts_h)
    runs = [run for run in story.place.runs() if run.info.run_id in story.made["beside"]]
    lasted = [
        value for run in runs for name, value in run.data.metrics.items() if name.startswith(("phase.", "exam_s"))
    ]
    assert len(lasted) > 5
    assert all(0 <= seconds < PATIENCE_S for seconds in lasted)


def test_two_exams_at_once_do_no_cell_twice(story: Story) -> None:
    assert (story.ended["first"], story.ended["beside"]) == (0, 0)
    assert finished(story.place).keys() == STUDENTS
    assert len([run for run in story.place.runs("teacher") if run.info.status == "FINISHED"]) == 1
    done = [run.data.tags["kdops.student"] for run in story.place.runs("baseline") if run.info.status == "FINISHED"]
    # That of `cnn` is found again when the cell is repaired.
    assert sorted(done) == ["bilstm", "cnn"]
    assert story.left_open["beside"] == []


def test_the_other_cells_go_on_when_one_fails(story: Story) -> None:
    assert story.ended["broken"] == 1
    (line,) = [line for line in story.said["broken"].splitlines() if line.startswith("error:")]
    assert line.startswith("error: reviews cnn kd seed 1: NotADirectoryError: ")
    assert "Traceback" not in story.said["broken"]
    assert "2 cells: 1 finished, 1 to do" in story.said["broken"]
    run = story.exam_run(-2)
    assert run.info.status == "FAILED"
    assert run.data.tags["kdops.error"] == "1 of 2 cells failed"
    (child,) = story.place.children(run)
    assert child.info.status == "FAILED"
    assert child.data.tags["kdops.error"].startswith("NotADirectoryError: ")
    table = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/cells.csv")
    assert f"reviews,cnn,kd,1,failed,{child.info.run_id}" in table
    assert f"reviews,bilstm,kd,1,reused,{finished(story.place)['bilstm'].info.run_id}" in table


def test_a_plan_says_what_is_finished_and_makes_no_run(story: Story) -> None:
    assert story.ended["planned"] == 0
    rows = [line.split() for line in story.said["planned"].splitlines()]
    told = {row[1]: " ".join(row[4:]) for row in rows if row[:1] == ["reviews"] and len(row) > 4}
    assert told.keys() == STUDENTS
    assert told["bilstm"] == "finished"
    assert told["cnn"].startswith("to do ")
    assert "2 cells: 1 finished, 1 to do; time: " in story.said["planned"]
    assert story.made["planned"] == story.made["broken"]


def test_the_same_command_does_what_failed_and_says_what_it_found(story: Story) -> None:
    said = story.said["repaired"]
    assert story.ended["repaired"] == 0
    assert "2 cells: 1 finished, 1 to do" in said
    assert story.left_open["repaired"] == []
    assert finished(story.place).keys() == STUDENTS
    rows = [line.split()[:3] for line in said.splitlines()]
    assert all(["reviews", student, "kd"] in rows for student in STUDENTS)
    assert "reviews: " in said
    assert "charts of reviews: http://" in said
    run = story.exam_run(-1)
    assert run.info.status == "FINISHED"
    (child,) = story.place.children(run)
    assert child.data.tags["kdops.student"] == "cnn"
    files = {file.path for file in story.place.client.list_artifacts(run.info.run_id)}
    assert files >= {"cells.json", "students.json", "students.csv", "comparisons.json", "comparisons.csv", "report"}
    compared = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/comparisons.csv").splitlines()
    assert [line.split(",")[:3] for line in compared[1:]] == [["reviews", "bilstm", "cnn"]]
    pages = {file.path for file in story.place.client.list_artifacts(run.info.run_id, "report")}
    assert {"report/report.html", "report/reviews-ladder.png"} <= pages


def test_nothing_is_left_behind(story: Story) -> None:
    mine = [
        one
        for one in psutil.process_iter(["cmdline"])
        if str(story.place.folder) in " ".join(one.info["cmdline"] or ())
    ]
    assert [one.pid for one in mine if one.pid != os.getpid()] == []
