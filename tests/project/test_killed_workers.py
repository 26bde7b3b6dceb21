"""Tuning in two processes: one killed, then the whole command ended; the same command goes on where it was."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import psutil
import pytest
from mlflow.entities import Run
from optuna.trial import FrozenTrial, TrialState
from place import Place, make_place, write_reviews

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(900)]

TRIALS = 3
PATIENCE_S = 300
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


class Story:
    """A worker killed while two of them train; in the baseline's tuning the command ended; then the command again."""

    def __init__(self, place: Place) -> None:
        self.place = place
        dataset = write_reviews(place.folder / "reviews", train=1_500)
        self.asked = {
            **{"dataset": dataset, "teacher": "scratch", "recipe": "kd", "batch_size": 32, "precision": "fp32"},
            **{"trials": TRIALS, "epochs": 12, "teacher_epochs": 1, "workers": 2, "cost_rounds": 1},
        }
        log = place.folder / "first.log"
        process = place.start("distill", log, **self.asked)
        try:
            self._wait(process, log, lambda: len(self.at_work("kd")) == 2)
            killed = next(one for one in psutil.Process(process.pid).children() if self._works(one))
            killed.kill()
            self._wait(process, log, lambda: len(self.at_work("vanilla")) == 2)
            self.workers = [one for one in psutil.Process(process.pid).children() if self._works(one)]
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)
        finally:
            process.kill()
        self.first, self.ended = log.read_text(encoding="utf-8"), process.returncode
        self.left, self.left_vanilla = place.runs(), self.study("vanilla")
        log = place.folder / "second.log"
        self.ended_again = place.start("distill", log, **self.asked).wait(PATIENCE_S)
        self.second = log.read_text(encoding="utf-8")

    @staticmethod
    def _works(process: psutil.Process) -> bool:
        return "LokyProcess" in " ".join(process.cmdline())

    def at_work(self, recipe: str) -> list[Run]:
        return [run for run in self.trials(recipe) if run.info.status == "RUNNING"]

    def trials(self, recipe: str) -> list[Run]:
        return [run for run in self.place.runs("trial") if run.data.tags.get("kdops.recipe") == recipe]

    def study(self, recipe: str) -> list[FrozenTrial]:
        storage = f"sqlite:///{self.place.folder / 'optuna.db'}"
        name = next(one for one in optuna.get_all_study_names(storage) if one.startswith(f"reviews-bilstm-{recipe}-"))
        return optuna.load_study(study_name=name, storage=storage).trials

    @staticmethod
    def _wait(process: subprocess.Popen[bytes], log: Path, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.2)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Story:
    return Story(make_place(tmp_path_factory.mktemp("workers"), tracking_template))


def test_the_trial_of_a_killed_worker_is_retried_and_the_other_goes_on(story: Story) -> None:
    trials = story.study("kd")
    failed = [trial for trial in trials if trial.state is TrialState.FAIL]
    assert len(failed) == 1
    assert failed[0].number in (0, 1)
    finished = [trial for trial in trials if trial.state in FINISHED]
    assert len(finished) == TRIALS == len(trials) - 1
    assert failed[0].params in [trial.params for trial in finished]
    # The other one of the first two was not begun again.
    assert trials[1 - failed[0].number].state in FINISHED
    assert f"the process of trial {failed[0].number} was killed" in story.first
    killed = next(run for run in story.trials("kd") if run.info.run_name == f"trial {failed[0].number} kd")
    assert (killed.info.status, killed.data.tags["kdops.trial_state"]) == ("KILLED", "interrupted")


def test_every_trial_is_a_child_of_its_students_run(story: Story) -> None:
    parents = {"vanilla": next(run for run in story.left if _role(run) == "baseline")}
    parents["kd"] = next(run for run in story.left if _role(run) == "student")
    for recipe, parent in parents.items():
        children = [run for run in story.left if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
        assert {run.data.tags["kdops.recipe"] for run in children if _role(run) == "trial"} == {recipe}


def test_sigterm_ends_the_workers_and_closes_all_runs(story: Story) -> None:
    assert story.ended == 128 + signal.SIGTERM
    assert "RUNNING" not in {run.info.status for run in story.left}
    assert not any(one.is_running() for one in story.workers)
    assert "Traceback" not in story.first
    assert TrialState.RUNNING not in [trial.state for trial in story.left_vanilla]
    queued = [trial.system_attrs["fixed_params"] for trial in story.left_vanilla if trial.state is TrialState.WAITING]
    cut_off = [trial.params for trial in story.left_vanilla if trial.state is TrialState.FAIL]
    assert cut_off == queued
    assert len(queued) == 2


def test_the_same_command_goes_on(story: Story) -> None:
    assert story.ended_again == 0, story.second
    assert "registered: kdops-reviews version 1" in story.second
    assert len([trial for trial in story.study("kd") if trial.state in FINISHED]) == TRIALS
    vanilla = [trial for trial in story.study("vanilla") if trial.state in FINISHED]
    assert len(vanilla) == TRIALS
    assert all(trial.params in [done.params for done in vanilla] for trial in story.left_vanilla[:2])
    assert "RUNNING" not in {run.info.status for run in story.place.runs()}


def test_each_line_says_which_worker_speaks(story: Story) -> None:
    assert "worker 1: trial" in story.second
    assert "worker 2: trial" in story.second


def _role(run: Run) -> str | None:
    role: str | None = run.data.tags.get("kdops.role")
    return role
