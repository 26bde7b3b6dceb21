import os
from pathlib import Path

import optuna
import pytest
import torch
from mlflow import MlflowClient
from optuna.trial import TrialState
from taught import Taught

from kdops.models.student_kinds import KINDS, STUDENTS
from kdops.steps.student import trials
from kdops.steps.student.budget import Budget, Search
from kdops.steps.student.finish import finish_student
from kdops.steps.student.inputs import StudentInputs, student_inputs
from kdops.steps.student.keys import study_fingerprint
from kdops.steps.student.start_weights import student_init
from kdops.steps.student.trials import tuned_student
from kdops.tracking import names
from kdops.tracking.names import Role
from kdops.tracking.recorder import MlflowRecorder
from kdops.training import search
from kdops.training.losses import DistillationObjective, GoldObjective
from kdops.training.recipes import RECIPES, VANILLA
from kdops.training.search import SearchSpace, open_study, run_trials


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("distills", [True, False])
def test_each_student_is_tuned_from_a_setting_of_its_own(student: str, distills: bool, tmp_path: Path) -> None:
    setting = KINDS[student].first
    space = SearchSpace(setting.learning_rate, setting.dropout, distills)
    study = open_study("any", f"sqlite:///{tmp_path}/optuna.db", space, seed=1, warmup_epochs=1)
    tried = []

    def objective(trial: optuna.Trial) -> float:
        tried.append(space.suggest(trial))
        return 0.0

    run_trials(study, objective, 1)
    (first,) = tried
    # Optuna draws anew what lies outside its range, with no more than a warning.
    assert (first.learning_rate, first.dropout) == (setting.learning_rate, setting.dropout)
    assert first.objective == (DistillationObjective("mse", 0.0, 1.0) if distills else GoldObjective())


def test_larger_students_take_smaller_steps() -> None:
    rates = [KINDS[f"bert-{size}"].first.learning_rate for size in ("tiny", "mini", "small")]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 3


RECORDER = MlflowRecorder()


def untaught(taught: Taught) -> StudentInputs:
    return student_inputs(taught.corpus, taught.teacher, VANILLA, None, 32)


ELSEWHERE = "elsewhere:1:1:machine:boot:4026531836"


def budget(folder: Path, *, workers: int, trials: int = 2) -> Budget:
    work = {
        "residual": False,
        "search": Search(),
        "epochs": 2,
        "patience": 2,
        "batch_size": 4,
        "seed": 1,
        "force": False,
    }
    storage = f"sqlite:///{folder}/optuna-{workers}.db"
    return Budget("bert-tiny", init="teacher", trials=trials, storage=storage, workers=workers, **work)  # type: ignore[arg-type]


@pytest.mark.slow
def test_workers_train_what_one_process_trains(taught: Taught, tracking_uri: str, tmp_path: Path) -> None:
    inputs = student_inputs(taught.corpus, taught.teacher, RECIPES["kd-unlabeled"], taught.unlabeled, 32)
    found = []
    for workers in (1, 2):
        folder = tmp_path / f"study-{workers}"
        folder.mkdir()
        init = student_init("bert-tiny", inputs, from_teacher=True, seed=1, folder=folder)
        limits = budget(tmp_path, workers=workers)
        with RECORDER.opened(Role.STUDENT, "student") as run:
            student, best = tuned_student(init, limits, "study", folder, RECORDER, run.run_id)
        study = optuna.load_study(study_name="study", storage=limits.storage)
        values = [(trial.params, trial.intermediate_values, trial.value) for trial in study.trials]
        children = MlflowClient().search_runs([run_experiment(run.run_id)], children_of(run.run_id))
        assert {child.info.run_name for child in children} == {"trial 0 kd-unlabeled", "trial 1 kd-unlabeled"}
        assert {child.info.status for child in children} == {"FINISHED"}
        assert {child.data.tags[names.TRIAL_STATE] for child in children} == {"complete"}
        assert sorted(path.name for path in folder.iterdir()) == [".worker", f"trial-{best.number}.safetensors"]
        found.append((values, best.number, student.state_dict()))
    assert found[0][:2] == found[1][:2]
    assert all(torch.equal(found[0][2][name], value) for name, value in found[1][2].items())


def cut_off_elsewhere(taught: Taught, limits: Budget, run_id: str, folder: Path, *, named: bool) -> None:
    """A process of another machine is gone in a trial, without a word, and maybe before it put its name to it."""
    child = os.fork()
    if child == 0:
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(trials, "identity", lambda: ELSEWHERE)
            monkeypatch.setattr(search, "identity", lambda: ELSEWHERE if named else os._exit(9))
            monkeypatch.setattr(trials, "run_trial", lambda *_: os._exit(9))
            try:
                finish_student(untaught(taught), limits, folder, RECORDER, run_id)
            finally:
                os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
def test_a_trial_that_was_cut_off_on_another_machine_is_tried_again_by_whoever_comes_next(
    named: bool, taught: Taught, tracking_uri: str, tmp_path: Path
) -> None:
    limits = budget(tmp_path, workers=1, trials=1)
    with RECORDER.opened(Role.STUDENT, "student") as run:
        cut_off_elsewhere(taught, limits, run.run_id, tmp_path, named=named)
        (name,) = optuna.get_all_study_names(limits.storage)
        (left,) = optuna.load_study(study_name=name, storage=limits.storage).trials
        assert (left.state, left.user_attrs.get("process")) == (TrialState.RUNNING, ELSEWHERE if named else None)
        finish_student(untaught(taught), limits, tmp_path, RECORDER, run.run_id)
    found = optuna.load_study(study_name=name, storage=limits.storage).trials
    assert [trial.state for trial in found] == [TrialState.FAIL, TrialState.COMPLETE]
    assert found[0].params == (found[1].params if named else {})
    assert found[0].system_attrs["fixed_params"].items() <= found[1].params.items()


def run_experiment(run_id: str) -> str:
    return str(MlflowClient().get_run(run_id).info.experiment_id)


def children_of(run_id: str) -> str:
    return f"tags.`mlflow.parentRunId` = '{run_id}'"


def test_the_number_of_workers_names_no_other_study(taught: Taught, tmp_path: Path) -> None:
    one, two = (study_fingerprint("inputs", taught.teacher.keys, budget(tmp_path, workers=count)) for count in (1, 2))
    assert one == two
