"""One trial: a setting, trained in a run of its own, in this process or another."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import joblib
import optuna
from safetensors.torch import load_model, save_model
from torch import nn

from kdops.models.students import build_student
from kdops.steps.evaluation import log_epoch, prefixed
from kdops.steps.figures import curves
from kdops.tracking import names, runs
from kdops.tracking.names import Role, Status
from kdops.training.batches import TrainingSet
from kdops.training.loop import Epoch, Fit, LoopConfig, fit
from kdops.training.scoring import LabeledTexts
from kdops.training.storage import storage_answers
from kdops.training.tuning import Candidate, open_trial

logger = logging.getLogger(__name__)

_AVERAGING = 0.999
"""A student is the moving average of its last thousand steps or so: it generalises better than where it stands."""


@dataclass(frozen=True)
class Lesson:
    """All that the trials of a student need, without the teacher and the data set that it was made from.

    Attributes:
        student: which one.
        start: file of the weights that each trial begins with.
        vocabulary_size: pieces that it reads.
        training: rows to train on.
        validation: what trials are scored on.
        main_metric: the score that counts.
        epochs: most passes over the training rows.
        patience: passes without a better score before training stops, and before a trial may be pruned.
        batch_size: texts a step.
        seed: of everything random.
        recipe: what the student learns from.
        tags: of the trials' runs.
    """

    student: str
    start: Path
    vocabulary_size: int
    training: TrainingSet
    validation: LabeledTexts
    main_metric: str
    epochs: int
    patience: int
    batch_size: int
    seed: int
    recipe: str
    tags: Mapping[str, object]

    def new_student(self, dropout: float | None = None) -> nn.Module:
        """The student as each trial begins with it."""
        labels, task = self.validation.labels, self.validation.task
        student = build_student(self.student, self.vocabulary_size, len(labels), task, dropout=dropout)
        load_model(student, self.start)
        return student

    def save(self, path: Path) -> None:
        """Write it to a file for other processes; the teacher's signals stay in their own."""
        joblib.dump(self, path)


@dataclass(frozen=True)
class TrialPlace:
    """Where another process finds a trial that was begun."""

    study_name: str
    storage: str
    trial_id: int


def run_trial_elsewhere(
    lesson_file: Path, place: TrialPlace, name: str, candidate: Candidate, weights: Path, parent_run_id: str
) -> float:
    """As `run_trial`, in another process than the one that began the trial; the arguments are all small.

    The lesson's arrays are mapped into memory, which all processes share.
    """
    lesson: Lesson = joblib.load(lesson_file, mmap_mode="r")
    trial = open_trial(place.study_name, place.storage, place.trial_id, warmup_epochs=lesson.patience)
    logger.info("%s begins", name)
    return run_trial(lesson, name, candidate, weights, trial, parent_run_id=parent_run_id)


def run_trial(
    lesson: Lesson,
    name: str,
    candidate: Candidate,
    weights: Path,
    trial: optuna.Trial | None = None,
    *,
    parent_run_id: str | None = None,
) -> float:
    """Train one setting in a run of its own and keep its weights.

    Args:
        lesson: what is learned.
        name: of the run.
        candidate: the setting.
        weights: file for the weights of its best epoch.
        trial: told of each epoch, and may be pruned; None where nothing is compared.
        parent_run_id: the run that this one belongs to, in a process that has no run open.

    Returns:
        Its best validation score.

    Raises:
        TrialPruned: if the trial did worse than others.
    """
    tags = {**lesson.tags, names.TRIAL_STATE: "running"}
    with runs.tracked(Role.TRIAL, name, tags=tags, config=candidate.parameters, parent_run_id=parent_run_id) as run:
        try:
            result = _train(run, lesson, candidate, weights, trial, quiet=parent_run_id is not None)
        except optuna.TrialPruned:
            run.tags({names.TRIAL_STATE: "pruned"})
            run.finish(Status.KILLED)
            raise
        except BaseException as error:
            run.tags({names.TRIAL_STATE: "failed" if isinstance(error, Exception) else "interrupted"})
            raise
        run.tags({names.TRIAL_STATE: "complete"})
    logger.info("%s: %s %.4f", name, lesson.main_metric, result.best_score)
    return result.best_score


def _train(
    run: runs.Run, lesson: Lesson, candidate: Candidate, weights: Path, trial: optuna.Trial | None, *, quiet: bool
) -> Fit:
    student = lesson.new_student(candidate.dropout)

    def on_epoch(epoch: Epoch) -> None:
        log_epoch(run, epoch)
        if trial is None:
            return
        with storage_answers():
            trial.report(epoch.scores[lesson.main_metric], epoch.number)
            pruned = trial.should_prune()
        if pruned:
            raise optuna.TrialPruned

    result = fit(
        student,
        lesson.training,
        candidate.objective,
        lesson.validation.scores,
        LoopConfig(
            epochs=lesson.epochs,
            learning_rate=candidate.learning_rate,
            batch_size=lesson.batch_size,
            averaging=_AVERAGING,
            patience=lesson.patience,
            seed=lesson.seed,
        ),
        main_metric=lesson.main_metric,
        pad_id=lesson.validation.pad_id,
        description=f"{lesson.recipe} {weights.stem}",
        on_epoch=on_epoch,
        quiet=quiet,
    )
    best = result.history[result.best_epoch - 1]
    run.metrics(prefixed(names.VALIDATION_PREFIX, best.scores) | {"best_epoch": result.best_epoch})
    run.figure(curves(result.history, lesson.main_metric), "curves.png")
    unfinished = weights.with_suffix(".part")
    save_model(student.to("cpu"), str(unfinished))
    unfinished.rename(weights)
    return result
