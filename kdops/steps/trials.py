"""The trials of a student, each in a run of its own, and the weights of the best."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import optuna
import torch
from optuna.trial import FixedTrial, FrozenTrial
from safetensors.torch import load_model, save_model
from torch import nn

from kdops.models.students import first_setting
from kdops.steps.evaluation import log_epoch, prefixed
from kdops.steps.figures import curves
from kdops.steps.setup import identifying_tags
from kdops.steps.start import Start
from kdops.tracking import names, runs
from kdops.tracking.names import Role, Status
from kdops.training.loop import Epoch, Fit, LoopConfig, fit
from kdops.training.tuning import Candidate, SearchSpace, open_study, run_trials

logger = logging.getLogger(__name__)

_AVERAGING = 0.999
"""A student is the moving average of its last thousand steps or so: it generalises better than where it stands."""


@dataclass(frozen=True)
class Budget:
    """What may be spent on a student.

    Attributes:
        student: which one.
        init: where the layers of a BERT student start, `random` or `teacher`.
        trials: settings to try.
        epochs: most passes over its training rows.
        patience: passes without a better validation score before a trial stops, and before it may be pruned.
        batch_size: texts a step.
        seed: of everything random.
        storage: the Optuna storage.
        force: forget the trials there are.
    """

    student: str
    init: str
    trials: int
    epochs: int
    patience: int
    batch_size: int
    seed: int
    storage: str
    force: bool

    @property
    def described(self) -> dict[str, object]:
        """What may be logged: all but the storage, whose address may hold a password."""
        return {name: value for name, value in asdict(self).items() if name != "storage"}

    def over_fewer_rows(self, times: int) -> "Budget":
        """The same number of training steps, over a training set so many times smaller."""
        return replace(self, epochs=self.epochs * times, patience=self.patience * times)


def tuned_student(start: Start, budget: Budget, study_name: str, folder: Path) -> tuple[nn.Module, FrozenTrial]:
    """Run the trials that the study still lacks; the best one's weights are the student, without training again.

    Args:
        start: how the student begins, and what it is made from.
        budget: how much to try.
        study_name: stands for the start and everything in the budget that changes a trial's result.
        folder: where the weights of its trials are kept; only the best one's stay.

    Returns:
        The student, in evaluation mode, and its trial.
    """
    material = start.material
    setting = first_setting(budget.student)
    space = SearchSpace(setting.learning_rate, setting.dropout, material.recipe.distills)
    study = open_study(
        study_name,
        budget.storage,
        space,
        seed=budget.seed,
        warmup_epochs=budget.patience,
        force=budget.force,
    )

    def objective(trial: optuna.Trial) -> float:
        candidate = space.suggest(trial)

        def compare(epoch: Epoch) -> None:
            trial.report(epoch.scores[material.corpus.main_metric], epoch.number)
            if trial.should_prune():
                raise optuna.TrialPruned

        name = f"trial {trial.number} {material.recipe.name}"
        try:
            return _run_trial(name, study_name, start, budget, candidate, _weights(folder, trial.number), compare)
        except KeyboardInterrupt:
            # Its setting is not at fault: the next start tries it again. Optuna would log the end with a traceback.
            study.enqueue_trial(trial.params)
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            raise

    best = run_trials(study, objective, budget.trials)
    weights = _weights(folder, best.number)
    if not weights.exists():
        logger.info("the weights of trial %d are not on this machine; training its setting again", best.number)
        candidate = space.suggest(FixedTrial(best.params))
        name = f"trial {best.number} {material.recipe.name} again"
        _run_trial(name, study_name, start, budget, candidate, weights, lambda epoch: None)
    for path in folder.glob("trial-*.safetensors"):
        if path != weights:
            path.unlink()
    student = start.new_student()
    load_model(student, weights)
    return student.eval(), best


def _run_trial(
    name: str,
    study_name: str,
    start: Start,
    budget: Budget,
    candidate: Candidate,
    weights: Path,
    compare: Callable[[Epoch], None],
) -> float:
    """Train one setting in a run of its own and keep its weights; gives its best validation score."""
    corpus = start.material.corpus
    tags = identifying_tags(corpus, budget.student, start.material.recipe.name)
    tags |= {names.STUDY: study_name, names.TRIAL_STATE: "running"}
    with runs.tracked(Role.TRIAL, name, tags=tags, config=candidate.parameters) as run:
        try:
            result = _train(run, start, budget, candidate, weights, compare)
        except optuna.TrialPruned:
            run.tags({names.TRIAL_STATE: "pruned"})
            run.finish(Status.KILLED)
            raise
        except BaseException as error:
            run.tags({names.TRIAL_STATE: "failed" if isinstance(error, Exception) else "interrupted"})
            raise
        run.tags({names.TRIAL_STATE: "complete"})
    logger.info("%s: %s %.4f", name, corpus.main_metric, result.best_score)
    return result.best_score


def _train(
    run: runs.Run,
    start: Start,
    budget: Budget,
    candidate: Candidate,
    weights: Path,
    compare: Callable[[Epoch], None],
) -> Fit:
    torch.manual_seed(budget.seed)
    material = start.material
    student = start.new_student(candidate.dropout)

    def on_epoch(epoch: Epoch) -> None:
        log_epoch(run, epoch)
        compare(epoch)

    result = fit(
        student,
        material.training,
        candidate.objective,
        material.validation.scores,
        LoopConfig(
            epochs=budget.epochs,
            learning_rate=candidate.learning_rate,
            batch_size=budget.batch_size,
            averaging=_AVERAGING,
            patience=budget.patience,
            seed=budget.seed,
        ),
        main_metric=material.corpus.main_metric,
        pad_id=material.pad_id,
        description=f"{material.recipe.name} {weights.stem}",
        on_epoch=on_epoch,
    )
    best = result.history[result.best_epoch - 1]
    run.metrics(prefixed(names.VALIDATION_PREFIX, best.scores) | {"best_epoch": result.best_epoch})
    run.figure(curves(result.history, material.corpus.main_metric), "curves.png")
    unfinished = weights.with_suffix(".part")
    save_model(student.to("cpu"), str(unfinished))
    unfinished.rename(weights)
    return result


def _weights(folder: Path, trial_number: int) -> Path:
    return folder / f"trial-{trial_number}.safetensors"
