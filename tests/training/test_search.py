import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from kdops.errors import Stopped, UserError
from kdops.process import identity
from kdops.training.losses import DistillationObjective, GoldObjective
from kdops.training.recipes import RECIPES
from kdops.training.search import (
    Candidate,
    SearchSpace,
    first_losses,
    missing_trials,
    open_study,
    open_trial,
    run_trials,
    run_trials_at_once,
)
from kdops.training.storage import open_storage, storage_answers
from kdops.training.workers import Workers

PROGRAM = "from kdops.process import identity; print(identity())"
SPACE = SearchSpace(learning_rate=1e-3, dropout=0.3, distills=True)


@pytest.fixture(scope="session")
def empty_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables: making them takes a second, so each test gets a copy."""
    path = tmp_path_factory.mktemp("optuna") / "optuna.db"
    open_storage(f"sqlite:///{path}")
    return path


@pytest.fixture
def storage(tmp_path: Path, empty_storage: Path) -> str:
    (tmp_path / "optuna.db").write_bytes(empty_storage.read_bytes())
    return f"sqlite:///{tmp_path / 'optuna.db'}"


class Work:
    """An objective that remembers what it was asked to try."""

    def __init__(self, *, distills: bool = True) -> None:
        self.distills = distills
        self.tried: list[Candidate] = []

    def __call__(self, trial: optuna.Trial) -> float:
        self.tried.append(SearchSpace(1e-3, 0.3, self.distills).suggest(trial))
        return -abs(self.tried[-1].learning_rate - 2e-3)


def waiting(study: optuna.Study) -> list[dict[str, object]]:
    return [trial.system_attrs["fixed_params"] for trial in study.get_trials(states=(TrialState.WAITING,))]


def left_running(storage: str, process: str | None) -> None:
    """As a process leaves a study that ended before it asked for its setting; None: before it put its name to it."""
    study = open_(storage)
    study.enqueue_trial(SPACE.first[0])
    trial = study.ask()
    if process:
        trial.set_user_attr("process", process)


def open_(storage: str, *, seed: int = 1, distills: bool = True, force: bool = False) -> optuna.Study:
    return open_study("study", storage, SearchSpace(1e-3, 0.3, distills), seed=seed, warmup_epochs=2, force=force)


@pytest.fixture
def dead() -> str:
    """The identity of a process that has ended."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_first_trials_are_the_settings_of_the_study_and_of_hinton(storage: str) -> None:
    work = Work()
    run_trials(open_(storage), work, 2)
    assert work.tried == [
        Candidate(1e-3, 0.3, DistillationObjective("mse", gold_weight=0.0, temperature=1.0)),
        Candidate(1e-3, 0.3, DistillationObjective("kl", gold_weight=0.5, temperature=2.0)),
    ]


def test_without_distillation_there_are_no_losses_to_search(storage: str) -> None:
    work = Work(distills=False)
    study = open_(storage, distills=False)
    run_trials(study, work, 4)
    assert work.tried[0] == Candidate(1e-3, 0.3, GoldObjective())
    assert all(set(trial.params) == {"learning_rate", "dropout"} for trial in study.trials)
    assert work.tried[0].parameters == {"learning_rate": 1e-3, "dropout": 0.3}


def test_what_is_searched_stays_in_its_ranges(storage: str) -> None:
    work = Work()
    run_trials(open_(storage), work, 12)
    for candidate in work.tried:
        objective = candidate.objective
        assert isinstance(objective, DistillationObjective)
        assert 3e-4 <= candidate.learning_rate <= 1e-2
        assert 0.0 <= objective.gold_weight <= 1.0
        assert objective.temperature == 1.0 if objective.soft == "mse" else 1.0 <= objective.temperature <= 10.0
        assert 0.0 <= candidate.dropout <= 0.5
        settings = {"learning_rate": candidate.learning_rate, "dropout": candidate.dropout}
        assert candidate.parameters == settings | {k: v for k, v in vars(objective).items() if k != "heads"}
    assert {candidate.parameters["soft"] for candidate in work.tried} == {"kl", "mse"}


def test_the_best_trial_is_given(storage: str) -> None:
    work = Work()
    best = run_trials(open_(storage), work, 6)
    distances = [abs(candidate.learning_rate - 2e-3) for candidate in work.tried]
    assert best.number == distances.index(min(distances))
    assert best.value == -min(distances)


def test_a_resumed_study_runs_only_what_is_missing(storage: str) -> None:
    first, second, third = Work(), Work(), Work()
    run_trials(open_(storage), first, 3)
    study = open_(storage)
    run_trials(study, second, 5)
    assert len(second.tried) == 2
    assert run_trials(open_(storage), third, 5) == study.best_trial
    assert third.tried == []
    # A resumed sampler goes on; it does not draw again what it drew before.
    settings = [str(candidate) for candidate in first.tried + second.tried]
    assert len(set(settings)) == 5


def test_the_same_seed_suggests_the_same(tmp_path: Path, empty_storage: Path) -> None:
    tried = []
    # The sampler draws at random ten times before it models what it has seen.
    for name, seed, trials in (("a", 1, 12), ("b", 1, 12), ("c", 2, 3)):
        (tmp_path / name).write_bytes(empty_storage.read_bytes())
        work = Work()
        run_trials(open_(f"sqlite:///{tmp_path / name}", seed=seed), work, trials)
        tried.append(work.tried)
    assert tried[0] == tried[1]
    assert tried[0][2] != tried[2][2]


def test_force_forgets_the_trials(storage: str) -> None:
    run_trials(open_(storage), Work(), 3)
    other = open_study("other", storage, SearchSpace(1e-3, 0.3, True), seed=1, warmup_epochs=2)
    run_trials(other, Work(), 1)
    work = Work()
    study = open_(storage, force=True)
    run_trials(study, work, 2)
    assert len(study.trials) == 2 == len(work.tried)
    assert work.tried[0].learning_rate == 1e-3
    assert len(other.get_trials(states=(TrialState.COMPLETE,))) == 1


def test_force_on_a_new_study_is_fine(storage: str) -> None:
    assert open_(storage, force=True).trials == []


def test_pruned_trials_count_as_finished(storage: str) -> None:
    asked = []

    def objective(trial: optuna.Trial) -> float:
        asked.append(SPACE.suggest(trial))
        if trial.number in (1, 2):
            raise optuna.TrialPruned
        return 0.5

    study = open_(storage)
    run_trials(study, objective, 4)
    assert len(asked) == 4
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED", "PRUNED", "COMPLETE"]


@pytest.mark.parametrize(("score", "epochs"), [(0.1, 2), (0.9, 5)])
def test_a_trial_is_pruned_when_it_is_below_the_others_after_its_warmup(
    storage: str, score: float, epochs: int
) -> None:
    reported: dict[int, int] = {}

    def objective(trial: optuna.Trial) -> float:
        SPACE.suggest(trial)
        for epoch in range(1, 6):
            trial.report(score if trial.number == 3 else 0.5, epoch)
            reported[trial.number] = epoch
            if trial.should_prune():
                raise optuna.TrialPruned
        return 0.5

    run_trials(open_(storage), objective, 4)
    assert reported == {0: 5, 1: 5, 2: 5, 3: epochs}


def test_the_setting_of_a_finished_trial_can_be_had_again(storage: str) -> None:
    work = Work()
    best = run_trials(open_(storage), work, 5)
    assert SPACE.suggest(optuna.trial.FixedTrial(best.params)) == work.tried[best.number]


def test_a_trial_that_fails_is_recorded_and_made_up_for(storage: str) -> None:
    work = Work()

    def objective(trial: optuna.Trial) -> float:
        if trial.number in (0, 1, 3, 5):
            raise ValueError("out of luck")
        return work(trial)

    study = open_(storage)
    run_trials(study, objective, 3)
    assert len(work.tried) == 3
    assert len(study.get_trials(states=(TrialState.FAIL,))) == 4


def test_an_objective_that_keeps_failing_stops_early(storage: str) -> None:
    asked = []

    def objective(trial: optuna.Trial) -> float:
        asked.append(trial.number)
        raise ValueError("out of memory")

    told = "trials of study study keep failing, the last one with ValueError: out of memory; their runs hold the errors"
    with pytest.raises(RuntimeError, match=told):
        run_trials(open_(storage), objective, 20)
    assert len(asked) == 3


def test_scores_that_are_no_numbers_stop_early_too(storage: str) -> None:
    with pytest.raises(RuntimeError, match="trials of study study keep failing, without a score"):
        run_trials(open_(storage), lambda trial: float("nan"), 20)


def test_an_interrupt_ends_the_search(storage: str) -> None:
    asked = []

    def objective(trial: optuna.Trial) -> float:
        asked.append(trial.number)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trials(open_(storage), objective, 20)
    assert len(asked) == 1


def test_trials_know_their_process(storage: str) -> None:
    study = open_(storage)
    run_trials(study, Work(), 1)
    assert study.trials[0].user_attrs["process"] == identity()


def test_a_trial_that_a_dead_process_left_is_tried_again(storage: str, dead: str) -> None:
    study = open_(storage)
    run_trials(study, Work(), 2)
    left = study.ask()
    left.set_user_attr("process", dead)
    setting = SPACE.suggest(left)
    resumed, work = open_(storage), Work()
    assert resumed.trials[2].state is TrialState.FAIL
    run_trials(resumed, work, 4)
    assert work.tried[0] == setting
    assert [trial.state.name for trial in resumed.trials] == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]


def test_a_dead_trial_that_never_asked_for_its_queued_setting_is_tried_again(storage: str, dead: str) -> None:
    left_running(storage, dead)
    work = Work()
    run_trials(open_(storage), work, 2)
    assert work.tried == [
        Candidate(1e-3, 0.3, DistillationObjective("mse", gold_weight=0.0)),
        Candidate(1e-3, 0.3, DistillationObjective("kl", gold_weight=0.5, temperature=2.0)),
    ]


def test_a_dead_trial_is_queued_once(storage: str, dead: str) -> None:
    left_running(storage, dead)
    for _ in range(3):
        study = open_(storage)
    assert waiting(study) == SPACE.first[:1]


@pytest.mark.parametrize("process", [None, "another-machine:12:3.00"])
def test_a_trial_that_may_still_run_elsewhere_is_left_alone(storage: str, process: str | None) -> None:
    trial = open_(storage).ask()
    trial.set_user_attr("process", process or identity())
    assert open_(storage).trials[0].state is TrialState.RUNNING


@pytest.mark.parametrize(
    ("process", "gone", "state"),
    [
        ("another-machine:12:3", ["another-machine:12:3"], TrialState.FAIL),
        ("another-machine:12:3", ["third-machine:12:3"], TrialState.RUNNING),
        (None, ["another-machine:12:3"], TrialState.FAIL),
        (None, [], TrialState.RUNNING),
    ],
)
def test_a_trial_of_whom_the_caller_knows_to_be_gone_is_tried_again(
    storage: str, process: str | None, gone: list[str], state: TrialState
) -> None:
    left_running(storage, process)
    study = open_study("study", storage, SPACE, seed=1, warmup_epochs=2, gone=gone)
    assert study.trials[0].state is state
    assert len(waiting(study)) == (state is TrialState.FAIL)


@pytest.mark.parametrize(
    "url", ["nonsense", "sqlite:////no/such/folder/optuna.db", "nosuchdriver://host/db", "postgresql://localhost:1/x"]
)
def test_a_storage_that_cannot_be_opened_is_the_users_mistake(url: str) -> None:
    with pytest.raises(UserError) as caught:
        open_(url)
    assert str(caught.value).startswith(f"the Optuna storage '{url}' cannot be opened: ")
    assert os.linesep not in str(caught.value)


def test_the_password_of_a_storage_is_not_shown() -> None:
    with pytest.raises(UserError, match=r"'nosuchdriver://me:\*\*\*@host/db' cannot be opened"):
        open_("nosuchdriver://me:secret@host/db")


@pytest.mark.parametrize("at_once", [False, True])
def test_a_database_that_goes_away_stops_the_work_and_keeps_the_trials(
    storage: str, tmp_path: Path, at_once: bool
) -> None:
    def objective(trial: optuna.Trial) -> float:
        with storage_answers():
            if trial.number == 1:
                (tmp_path / "kept.db").write_bytes((tmp_path / "optuna.db").read_bytes())
                with sqlite3.connect(tmp_path / "optuna.db") as database:
                    for table in ("trial_intermediate_values", "trials", "studies"):
                        database.execute(f"drop table {table}")
            trial.report(0.5, 1)
        return 0.5

    def start(_: Workers, trial: optuna.Trial) -> Future[float]:
        outcome: Future[float] = Future()
        try:
            outcome.set_result(objective(trial))
        except Stopped as error:
            outcome.set_exception(error)
        return outcome

    study = open_(storage)
    with pytest.raises(Stopped, match=r"^the Optuna storage does not answer: .*no such table"):
        run_trials_at_once(study, start, 3, workers=1) if at_once else run_trials(study, objective, 3)
    (tmp_path / "kept.db").replace(tmp_path / "optuna.db")
    assert [trial.state for trial in open_(storage).trials[:2]] == [TrialState.COMPLETE, TrialState.RUNNING]


def work_elsewhere(storage: str, trial_id: int, number: int, learning_rate: float, fate: str) -> float:
    """The work of a worker; `fate` names the trials that end badly."""
    trial = open_trial("study", storage, trial_id, warmup_epochs=0)
    trial.report(-abs(learning_rate - 2e-3), 1)
    if f"killed {number}" in fate or f"killed by {learning_rate} {trial.params['soft']}" in fate:
        os.kill(os.getpid(), signal.SIGKILL)
    if f"failed {number}" in fate:
        raise ValueError("out of luck")
    if f"pruned {number}" in fate:
        raise optuna.TrialPruned
    if f"stopped {number}" in fate:
        raise Stopped("the server went away")
    return -abs(learning_rate - 2e-3)


def at_once(storage: str, trials: int, fate: str = "", workers: int = 2) -> optuna.Study:
    study = open_(storage)

    def start(processes: Workers, trial: optuna.Trial) -> Future[float]:
        setting = SPACE.suggest(trial)
        arguments = (storage, trial._trial_id, trial.number, setting.learning_rate, fate)
        return processes.start(work_elsewhere, *arguments)

    run_trials_at_once(study, start, trials, workers)
    return study


def states(study: optuna.Study) -> list[str]:
    return [trial.state.name for trial in study.trials]


@pytest.mark.slow
class TestAtOnce:
    def test_as_many_trials_as_asked_for(self, storage: str) -> None:
        study = at_once(storage, 4, workers=3)
        assert states(study) == ["COMPLETE"] * 4
        assert study.best_trial.value == max(trial.value for trial in study.trials if trial.value is not None)
        assert study.trials[0].intermediate_values == {1: study.trials[0].value}
        # The first settings are tried, and each setting once.
        assert study.trials[0].params["soft"] == "mse"
        assert study.trials[1].params["soft"] == "kl"
        assert len({str(trial.params) for trial in study.trials}) == 4

    def test_it_goes_on_where_one_process_was_and_back(self, storage: str) -> None:
        run_trials(open_(storage), Work(), 1)
        assert states(at_once(storage, 3)) == ["COMPLETE"] * 3
        work = Work()
        run_trials(open_(storage), work, 4)
        assert len(work.tried) == 1

    def test_the_setting_of_a_killed_worker_is_tried_again(self, storage: str) -> None:
        study = at_once(storage, 3, "killed 0")
        assert states(study) == ["FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
        assert study.trials[0].params in [trial.params for trial in study.trials[1:]]

    def test_a_setting_that_kills_its_workers_is_tried_twice(self, storage: str) -> None:
        # This one kills whoever gets it.
        study = at_once(storage, 2, "killed by 0.001 mse")
        doomed = [trial for trial in study.trials if trial.params == study.trials[0].params]
        assert [trial.state.name for trial in doomed] == ["FAIL", "FAIL"]
        assert states(study).count("COMPLETE") == 2

    def test_failed_trials_are_made_up_for_and_pruned_ones_count(self, storage: str) -> None:
        assert states(at_once(storage, 3, "failed 0, pruned 1")) == ["FAIL", "PRUNED", "COMPLETE", "COMPLETE"]

    def test_trials_that_keep_failing_stop_early(self, storage: str) -> None:
        with pytest.raises(RuntimeError, match="keep failing, the last one with ValueError: out of luck"):
            at_once(storage, 9, "".join(f"failed {number}, " for number in range(9)))

    def test_a_stop_puts_back_what_was_at_work(self, storage: str) -> None:
        with pytest.raises(Stopped):
            at_once(storage, 9, "stopped 2")
        study = open_(storage)
        assert TrialState.RUNNING not in [trial.state for trial in study.trials]
        assert study.trials[2].params in waiting(study)
        assert missing_trials(at_once(storage, 4), 4) == 0


def test_what_the_user_fixes_is_not_searched_and_bounds_hold() -> None:
    space = SearchSpace(
        1e-3,
        0.3,
        True,
        learning_rates=(2e-3, 2e-3),
        soft_losses=("kl",),
        gold_weights=(0.6, 0.9),
        temperatures=(3.0, 3.0),
    )
    assert space.first == [
        {"learning_rate": 2e-3, "dropout": 0.3, "soft": "kl", "gold_weight": 0.6, "temperature": 3.0}
    ]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(20):
        found = space.suggest(study.ask())
        assert found.learning_rate == pytest.approx(2e-3)
        assert isinstance(found.objective, DistillationObjective)
        assert (found.objective.soft, found.objective.temperature) == ("kl", pytest.approx(3.0))
        assert 0.6 <= found.objective.gold_weight <= 0.9


def test_the_first_losses_suit_the_recipe() -> None:
    def first(recipe: str) -> list[tuple[object, ...]]:
        space = SearchSpace(1e-3, 0.3, RECIPES[recipe].distills, first_losses(RECIPES[recipe]))
        return [tuple(one.get(name) for name in ("soft", "gold_weight", "temperature")) for one in space.first]

    assert first("vanilla") == first("general") == [(None, None, None)]
    assert first("kd") == first("kd-unlabeled-teacher") == [("mse", 0.0, None), ("kl", 0.5, 2.0)]
    assert first("general-kd")[:2] == [("kl", 0.5, 1.0), ("kl", 1.0, 2.0)]
    assert first("general-kd-unlabeled")[:2] == [("kl", 0.2, 1.0), ("kl", 0.5, 1.0)]


def test_settings_that_bounds_make_the_same_are_tried_once() -> None:
    losses = first_losses(RECIPES["general-kd"])
    space = SearchSpace(1e-3, 0.3, True, losses, soft_losses=("kl",), gold_weights=(0.3, 0.3), temperatures=(2.0, 2.0))
    assert len(space.first) == 1
