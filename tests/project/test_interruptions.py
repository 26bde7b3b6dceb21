"""Killed in the middle of teacher training, its logits and tuning: the same command goes on where it was."""

import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import optuna
import pyarrow as pa
import pytest
from mlflow.entities import Run
from optuna.trial import TrialState
from place import Place, make_place, write_reviews

from kdops.models.student_kinds import KINDS

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(900)]

# More than one file of logits, so that a part of them can be there.
TRAIN, UNLABELED = 1_500, 10_500
TRIALS = 2
PATIENCE_S = 200


@dataclass
class Story:
    """The output of each start of one command, how it ended, and what it left."""

    place: Place
    asked: dict[str, object]
    said: list[str] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    left: list[list[Run]] = field(default_factory=list)
    logits_left: int = 0

    def start(self, until: Callable[[], bool] | None = None, end_by: signal.Signals = signal.SIGKILL) -> None:
        """Run the command, to its end or until something has happened."""
        log = self.place.folder / f"start-{len(self.said)}.log"
        process = self.place.start("distill", log, **self.asked)
        try:
            if until:
                self._wait(process, until, log)
                process.send_signal(end_by)
            process.wait(PATIENCE_S)
        finally:
            process.kill()
        self.said.append(log.read_text(encoding="utf-8"))
        self.ended.append(process.returncode)
        self.left.append(self.place.runs())

    @staticmethod
    def _wait(process: subprocess.Popen[bytes], until: Callable[[], bool], log: Path) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.02)

    def studies(self) -> dict[str, list[optuna.trial.FrozenTrial]]:
        storage = f"sqlite:///{self.place.folder / 'optuna.db'}"
        names = optuna.get_all_study_names(storage)
        recipes = {"kd-unlabeled" if "-kd-unlabeled-" in name else "vanilla": name for name in names}
        return {recipe: optuna.load_study(study_name=name, storage=storage).trials for recipe, name in recipes.items()}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Story:
    place = make_place(tmp_path_factory.mktemp("interrupted"), tracking_template)
    dataset = write_reviews(place.folder / "reviews", train=TRAIN, unlabeled=UNLABELED)
    asked: dict[str, object] = {"dataset": dataset, "teacher": "scratch", "recipe": "kd-unlabeled", "batch_size": 128}
    story = Story(place, asked | {"trials": TRIALS, "epochs": 1, "teacher_epochs": 4, "cost_rounds": 1})

    def trials(recipe: str, state: str) -> int:
        """How many trials are in a state and have said which process runs them."""
        database = place.folder / "optuna.db"
        if not database.exists():
            return 0
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            (count,) = connection.execute(
                "select count(*) from trials natural join studies where state = ? and study_name like ? "
                "and trial_id in (select trial_id from trial_user_attributes where key = 'process')",
                (state, f"reviews-bilstm-{recipe}-%"),
            ).fetchone()
        return int(count)

    def running_trial_runs() -> int:
        return sum(run.info.status == "RUNNING" for run in place.runs("trial"))

    story.start(until=lambda: any(place.home.glob("teachers/*/checkpoint.pt")))
    story.start(until=lambda: any(place.home.glob("teacher-logits/*/*.arrow")))
    story.logits_left = stored_logits(place)
    story.start(until=lambda: trials("kd-unlabeled", "COMPLETE") > 0 and running_trial_runs() > 0)
    story.start(until=lambda: trials("vanilla", "RUNNING") > 0 and running_trial_runs() > 0, end_by=signal.SIGTERM)
    story.start()
    return story


def stored_logits(place: Place) -> int:
    """Texts whose logits are on disk."""
    files = place.home.glob("teacher-logits/*/*.arrow")
    return sum(pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0).num_rows for path in files)


def statuses(runs: list[Run], role: str) -> list[str]:
    return [run.info.status for run in runs if run.data.tags.get("kdops.role") == role]


def test_the_last_start_finishes(story: Story) -> None:
    assert story.ended == [-signal.SIGKILL, -signal.SIGKILL, -signal.SIGKILL, 128 + signal.SIGTERM, 0]
    assert "registered: kdops-reviews version 1" in story.said[-1]


def test_the_teacher_goes_on_from_its_checkpoint(story: Story) -> None:
    (epoch, step) = re.findall(r"going on from epoch (\d+), step (\d+)", story.said[1])[0]
    assert (int(epoch) > 1) or (int(step) > 0)
    trained = [int(number) for number in re.findall(r"teacher: epoch (\d+),", story.said[1])]
    assert trained[0] == int(epoch)
    assert trained == sorted(set(trained))
    # The curve of the whole training, and the checkpoint is gone.
    assert not list(story.place.home.glob("teachers/*/checkpoint.pt"))
    assert statuses(story.place.runs(), "teacher") == ["KILLED", "FINISHED"]
    for later in story.said[2:]:
        assert "teacher: reusing run" in later


def test_each_text_goes_through_the_teacher_once(story: Story) -> None:
    assert 0 < story.logits_left < TRAIN + UNLABELED
    computed = TRAIN + UNLABELED - story.logits_left
    assert f"teacher logits: {computed} texts computed, {story.logits_left} known" in story.said[2]
    assert f"teacher logits: 0 texts computed, {TRAIN + UNLABELED} known" in story.said[3]
    assert stored_logits(story.place) == TRAIN + UNLABELED


def test_finished_trials_stay_and_killed_ones_are_tried_again(story: Story) -> None:
    trials = story.studies()["kd-unlabeled"]
    assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert trials[2].params == trials[1].params
    assert "trial 1 was cut off by the end of its process" in story.said[3]
    names = Counter(run.info.run_name for run in story.place.runs("trial"))
    assert [names[f"trial {number} kd-unlabeled"] for number in range(3)] == [1, 1, 1]


def test_a_terminated_trial_is_tried_again(story: Story) -> None:
    trials = story.studies()["vanilla"]
    finished = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert len(finished) == TRIALS
    assert [trial.state for trial in trials].count(TrialState.FAIL) == 1
    # The first one was ended, and is the setting of arXiv:2201.00558, which no study goes without.
    assert trials[0].params == asdict(KINDS["bilstm"].first)
    assert trials[0].params in [trial.params for trial in finished]


def test_sigterm_closes_all_runs_at_once(story: Story) -> None:
    left = story.left[3]
    assert statuses(left, "baseline") == ["KILLED"]
    assert statuses(left, "student") == ["KILLED"] * 4
    assert statuses(left, "trial")[-1] == "KILLED"
    assert "RUNNING" not in {run.info.status for run in left}
    assert "Traceback" not in story.said[3]


def test_no_run_is_left_open(story: Story) -> None:
    assert {run.info.status for run in story.place.runs()} == {"FINISHED", "KILLED"}
    assert statuses(story.place.runs(), "student") == ["KILLED"] * 4 + ["FINISHED"]
    assert statuses(story.place.runs(), "baseline") == ["KILLED", "FINISHED"]
