"""One trial: a setting, trained in a run of its own, in this process or another."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import optuna
from safetensors.torch import load_model, save_model

from kdops.models.base import Student
from kdops.models.build import build_student
from kdops.task import head_sizes
from kdops.tracking import names
from kdops.tracking.names import Role, Status
from kdops.tracking.recorder import Recorder, Recording
from kdops.training.batches import TrainingSet
from kdops.training.loop import fit
from kdops.training.losses import Heads
from kdops.training.scoring import LabeledTexts
from kdops.training.search import Candidate, open_trial
from kdops.training.storage import storage_answers
from kdops.training.values import Epoch, Fit, LoopConfig
from kdops.workspace import written_whole

logger = logging.getLogger(__name__)

_AVERAGING = 0.999
"""A student is the moving average of about its last thousand steps, which generalises better than the last weights."""


@dataclass(frozen=True)
class TrialSpec:
    """All that the trials of a student need, without the teacher and the data set that it was made from.

    Attributes:
        student: which one.
        residual: see `kdops.models.build.build_student`.
        separator_id: likewise.
        start: file of the weights that each trial begins with.
        vocabulary_size: tokens that it reads.
        training: rows to train on.
        validation: what trials are scored on.
        main_metric: the score that counts.
        epochs: most passes over the training rows.
        patience: passes without a better score before training stops, and before a trial may be pruned.
        batch_size: texts per step.
        seed: of everything random.
        recipe: what the student learns from.
        tags: of the trials' runs.
        recorder: where these go.
    """

    student: str
    residual: bool
    separator_id: int | None
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
    recorder: Recorder

    def new_student(self, dropout: float | None = None) -> Student:
        """The student as each trial begins with it."""
        labels, task = self.validation.labels, self.validation.task
        student = build_student(
            self.student,
            self.vocabulary_size,
            len(labels),
            task,
            dropout=dropout,
            residual=self.residual,
            separator_id=self.separator_id,
        )
        load_model(student, self.start)
        return student

    def save(self, path: Path) -> None:
        """Write it to a file for other processes; the teacher logits stay in their own files."""
        joblib.dump(self, path)


@dataclass(frozen=True)
class TrialPlace:
    """Where another process finds a trial that was begun."""

    study_name: str
    storage: str
    trial_id: int


def run_trial_elsewhere(
    spec_file: Path, place: TrialPlace, name: str, candidate: Candidate, weights: Path, parent_run_id: str
) -> float:
    """As `run_trial`, in another process than the one that began the trial; the arguments are all small.

    The spec's arrays are mapped into memory, which all processes share.
    """
    spec: TrialSpec = joblib.load(spec_file, mmap_mode="r")
    trial = open_trial(place.study_name, place.storage, place.trial_id, warmup_epochs=spec.patience)
    logger.info("%s begins", name)
    return run_trial(spec, name, candidate, weights, trial, parent_run_id=parent_run_id)


def run_trial(
    spec: TrialSpec,
    name: str,
    candidate: Candidate,
    weights: Path,
    trial: optuna.Trial | None = None,
    *,
    parent_run_id: str | None = None,
) -> float:
    """Train one setting in a run of its own and keep its weights.

    Args:
        spec: the training of the trials.
        name: of the run.
        candidate: the setting.
        weights: file for the weights of its best epoch.
        trial: gets the score of each epoch, and may be pruned; None where nothing is compared.
        parent_run_id: the run that this one belongs to, in a process that has no run open.

    Returns:
        Its best validation score.

    Raises:
        TrialPruned: if the trial did worse than others.
    """
    tags = {**spec.tags, names.TRIAL_STATE: "running"}
    with spec.recorder.opened(
        Role.TRIAL, name, tags=tags, config=candidate.parameters, parent_run_id=parent_run_id
    ) as record:
        try:
            result = _train(record, spec, candidate, weights, trial, quiet=parent_run_id is not None)
        except optuna.TrialPruned:
            record.tags({names.TRIAL_STATE: "pruned"})
            record.finish(Status.KILLED)
            raise
        except BaseException as error:
            record.tags({names.TRIAL_STATE: "failed" if isinstance(error, Exception) else "interrupted"})
            raise
        record.tags({names.TRIAL_STATE: "complete"})
    logger.info("%s: %s %.3f", name, spec.main_metric, result.best_score)
    return result.best_score


def _train(
    record: Recording, spec: TrialSpec, candidate: Candidate, weights: Path, trial: optuna.Trial | None, *, quiet: bool
) -> Fit:
    student = spec.new_student(candidate.dropout)
    heads = Heads(head_sizes(spec.validation.task, spec.validation.labels))

    def on_epoch(epoch: Epoch) -> None:
        record.epoch(epoch)
        if trial is None:
            return
        with storage_answers():
            trial.report(epoch.scores[spec.main_metric], epoch.number)
            pruned = trial.should_prune()
        if pruned:
            raise optuna.TrialPruned

    result = fit(
        student,
        spec.training,
        replace(candidate.objective, heads=heads),
        spec.validation.scores,
        LoopConfig(
            epochs=spec.epochs,
            learning_rate=candidate.learning_rate,
            batch_size=spec.batch_size,
            averaging=_AVERAGING,
            patience=spec.patience,
            seed=spec.seed,
        ),
        main_metric=spec.main_metric,
        pad_id=spec.validation.pad_id,
        description=f"{spec.recipe} {weights.stem}",
        on_epoch=on_epoch,
        quiet=quiet,
    )
    best = result.history[result.best_epoch - 1]
    record.metrics(names.prefixed(names.VALIDATION_PREFIX, best.scores))
    record.fit(result, spec.main_metric)
    with written_whole(weights) as unfinished:
        save_model(student.to("cpu"), str(unfinished))
    return result
