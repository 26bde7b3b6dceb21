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

from kdops.models.embeddings import fit_width
from kdops.models.students import build_student, embedding_table
from kdops.steps.evaluation import log_epoch, prefixed
from kdops.steps.figures import curves
from kdops.steps.material import Material
from kdops.tracking import names, runs
from kdops.tracking.names import Role, Status
from kdops.training.loop import Epoch, Fit, LoopConfig, fit
from kdops.training.tuning import Candidate, open_study, run_trials, suggest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Budget:
    """What may be spent on a student.

    Attributes:
        student: which one.
        trials: settings to try.
        epochs: most passes over its training rows.
        patience: passes without a better validation score before a trial stops, and before it may be pruned.
        batch_size: texts a step.
        seed: of everything random.
        storage: the Optuna storage.
        force: forget the trials there are.
    """

    student: str
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


def tuned_student(material: Material, budget: Budget, study_name: str, folder: Path) -> tuple[nn.Module, FrozenTrial]:
    """Run the trials that the study still lacks; the best one's weights are the student, without training again.

    Args:
        material: what the student is made from.
        budget: how much to try.
        study_name: stands for the material and everything in the budget that changes a trial's result.
        folder: where the weights of its trials are kept; only the best one's stay.

    Returns:
        The student, in evaluation mode, and its trial.
    """
    study = open_study(
        study_name,
        budget.storage,
        distills=material.recipe.distills,
        seed=budget.seed,
        warmup_epochs=budget.patience,
        force=budget.force,
    )

    def objective(trial: optuna.Trial) -> float:
        candidate = suggest(trial, distills=material.recipe.distills)

        def compare(epoch: Epoch) -> None:
            trial.report(epoch.scores[material.corpus.main_metric], epoch.number)
            if trial.should_prune():
                raise optuna.TrialPruned

        name = f"trial {trial.number} {material.recipe.name}"
        try:
            return _run_trial(name, study_name, material, budget, candidate, _weights(folder, trial.number), compare)
        except KeyboardInterrupt:
            # Its setting is not at fault: the next start tries it again. Optuna would log the end with a traceback.
            study.enqueue_trial(trial.params)
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            raise

    best = run_trials(study, objective, budget.trials)
    weights = _weights(folder, best.number)
    if not weights.exists():
        logger.info("the weights of trial %d are not on this machine; training its setting again", best.number)
        candidate = suggest(FixedTrial(best.params), distills=material.recipe.distills)
        name = f"trial {best.number} {material.recipe.name} again"
        _run_trial(name, study_name, material, budget, candidate, weights, lambda epoch: None)
    for path in folder.glob("*.safetensors"):
        if path != weights:
            path.unlink()
    student = _new_student(material, budget)
    load_model(student, weights)
    return student.eval(), best


def _run_trial(
    name: str,
    study_name: str,
    material: Material,
    budget: Budget,
    candidate: Candidate,
    weights: Path,
    compare: Callable[[Epoch], None],
) -> float:
    """Train one setting in a run of its own and keep its weights; gives its best validation score."""
    tags = {
        names.DATASET: material.corpus.name,
        names.TASK: material.corpus.task,
        names.STUDENT: budget.student,
        names.RECIPE: material.recipe.name,
        names.STUDY: study_name,
        names.TRIAL_STATE: "running",
    }
    with runs.tracked(Role.TRIAL, name, tags=tags, config=candidate.parameters) as run:
        try:
            result = _train(run, material, budget, candidate, weights, compare)
        except optuna.TrialPruned:
            run.tags({names.TRIAL_STATE: "pruned"})
            run.finish(Status.KILLED)
            raise
        except BaseException as error:
            run.tags({names.TRIAL_STATE: "failed" if isinstance(error, Exception) else "interrupted"})
            raise
        run.tags({names.TRIAL_STATE: "complete"})
    logger.info("%s: %s %.4f", name, material.corpus.main_metric, result.best_score)
    return result.best_score


def _train(
    run: runs.Run,
    material: Material,
    budget: Budget,
    candidate: Candidate,
    weights: Path,
    compare: Callable[[Epoch], None],
) -> Fit:
    torch.manual_seed(budget.seed)
    student = _new_student(material, budget)

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


def _new_student(material: Material, budget: Budget) -> nn.Module:
    corpus = material.corpus
    student = build_student(budget.student, material.vocabulary.size, len(corpus.labels), corpus.task)
    if material.teacher_table is not None:
        table = embedding_table(student)
        table.weight.data.copy_(fit_width(material.teacher_table, table.embedding_dim))
    return student


def _weights(folder: Path, trial_number: int) -> Path:
    return folder / f"trial-{trial_number}.safetensors"
