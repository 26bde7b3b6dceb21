"""The trials of a student, here or in several processes, and the weights of the best."""

import logging
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
import torch
from optuna.trial import FixedTrial, FrozenTrial
from safetensors.torch import load_model, save_model

from kdops.models.base import Student
from kdops.models.student_kinds import KINDS
from kdops.process import identity
from kdops.steps.setup import identifying_tags
from kdops.steps.student.budget import Budget
from kdops.steps.student.start_weights import StudentInit
from kdops.steps.student.trial import TrialPlace, TrialSpec, run_trial, run_trial_elsewhere
from kdops.tracking import names
from kdops.tracking.recorder import Recorder
from kdops.training.recipes import Recipe
from kdops.training.search import (
    SearchSpace,
    first_losses,
    missing_trials,
    open_study,
    run_trials,
    run_trials_at_once,
)
from kdops.training.workers import Workers

logger = logging.getLogger(__name__)

_SPEC = "trial-spec.joblib"
_WORKER = ".worker"


def search_space(budget: Budget, recipe: Recipe) -> SearchSpace:
    """The search space of a student's study."""
    first, search = KINDS[budget.student].first, budget.search
    free = SearchSpace(first.learning_rate, first.dropout, recipe.distills, first_losses(recipe))
    return replace(
        free,
        learning_rates=search.learning_rate,
        soft_losses=(search.soft_loss,) if search.soft_loss else free.soft_losses,
        gold_weights=search.gold_weight or free.gold_weights,
        temperatures=search.temperature or free.temperatures,
    )


def tuned_student(
    init: StudentInit, budget: Budget, study_name: str, folder: Path, recorder: Recorder, run_id: str
) -> tuple[Student, FrozenTrial]:
    """Run the trials that the study still lacks; the best one's weights are the student, without training again.

    Args:
        init: the student's start and inputs.
        budget: the training budget.
        study_name: the key of the start and of everything in the budget that changes a trial's result.
        folder: where the weights of its trials are kept; only the best one's stay. One process at a time works there,
            on whatever machine: the caller sees to that.
        recorder: where the runs of the trials go.
        run_id: the open run that they belong to.

    Returns:
        The student, in evaluation mode, and its trial.
    """
    recipe = init.inputs.recipe
    space = search_space(budget, recipe)
    study = open_study(
        study_name,
        budget.storage,
        space,
        seed=budget.seed,
        warmup_epochs=budget.patience,
        force=budget.force,
        gone=_worked_before(folder),
    )
    (folder / _WORKER).write_text(identity(), encoding="utf-8")
    spec = _spec(init, budget, study_name, folder, recorder)
    tuning = _Tuning(study, space, spec, budget, folder)
    workers = min(budget.workers, missing_trials(study, budget.trials))
    best = tuning.at_once(workers, run_id) if workers > 1 else tuning.one_by_one()
    weights = _weights(folder, best.number)
    if not weights.exists():
        logger.info("the weights of trial %d are not on this machine; training its setting again", best.number)
        candidate = space.suggest(FixedTrial(best.params))
        run_trial(spec, f"trial {best.number} {spec.recipe} again", candidate, weights)
    student = spec.new_student()
    load_model(student, weights)
    for path in (spec.start, folder / _SPEC, *folder.glob("trial-*")):
        if path != weights:
            path.unlink(missing_ok=True)
    return student.eval(), best


@dataclass(frozen=True)
class _Tuning:
    """The trials of one study."""

    study: optuna.Study
    space: SearchSpace
    spec: TrialSpec
    budget: Budget
    folder: Path

    def one_by_one(self) -> FrozenTrial:
        """All in this process."""

        def objective(trial: optuna.Trial) -> float:
            candidate, weights = self.space.suggest(trial), _weights(self.folder, trial.number)
            try:
                return run_trial(self.spec, self._name(trial), candidate, weights, trial)
            except KeyboardInterrupt:
                # Its setting is not at fault: the next start tries it again. Optuna would log the end with a traceback.
                self.study.enqueue_trial(trial.params)
                optuna.logging.set_verbosity(optuna.logging.ERROR)
                raise

        return run_trials(self.study, objective, self.budget.trials)

    def at_once(self, workers: int, run_id: str) -> FrozenTrial:
        """In `workers` other processes, which read the spec from disk."""
        file = self.folder / _SPEC
        self.spec.save(file)

        def start(processes: Workers, trial: optuna.Trial) -> Future[float]:
            # What a killed worker left open.
            self.spec.recorder.close_orphans()
            candidate, weights = self.space.suggest(trial), _weights(self.folder, trial.number)
            place = TrialPlace(self.study.study_name, self.budget.storage, trial._trial_id)
            return processes.start(run_trial_elsewhere, file, place, self._name(trial), candidate, weights, run_id)

        return run_trials_at_once(self.study, start, self.budget.trials, workers)

    def _name(self, trial: optuna.Trial) -> str:
        return f"trial {trial.number} {self.spec.recipe}"


def _spec(init: StudentInit, budget: Budget, study_name: str, folder: Path, recorder: Recorder) -> TrialSpec:
    """All that the trials of a student need; the weights that they begin with go to a file."""
    inputs = init.inputs
    torch.manual_seed(budget.seed)
    beginning = folder / "start.safetensors"
    save_model(init.new_student(), str(beginning))
    return TrialSpec(
        student=budget.student,
        residual=budget.residual,
        separator_id=inputs.separator_id,
        start=beginning,
        vocabulary_size=inputs.vocabulary.size,
        training=inputs.training,
        validation=inputs.validation,
        main_metric=inputs.corpus.main_metric,
        epochs=budget.epochs,
        patience=budget.patience,
        batch_size=budget.batch_size,
        seed=budget.seed,
        recipe=inputs.recipe.name,
        tags=identifying_tags(inputs.corpus, budget.student, inputs.recipe.name) | {names.STUDY: study_name},
        recorder=recorder,
    )


def _worked_before(folder: Path) -> list[str]:
    """The process that worked in a study's folder before this one, and so does no more."""
    file = folder / _WORKER
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def _weights(folder: Path, trial_number: int) -> Path:
    return folder / f"trial-{trial_number}.safetensors"
