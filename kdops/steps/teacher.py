"""Fine-tune a teacher for a data set, or find the one that was."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import torch
from filelock import FileLock
from pydantic import Field
from tokenizers import Tokenizer

from kdops.data.corpus import Corpus
from kdops.data.encoding import encode
from kdops.data.unlabeled import Unlabeled
from kdops.errors import UserError
from kdops.fingerprint import content_fingerprint, fingerprint
from kdops.home import home
from kdops.metrics import score
from kdops.models.teacher import (
    SCRATCH,
    Teacher,
    check_teacher,
    load_teacher,
    load_tokenizer,
    scratch_teacher,
    teacher_identity,
)
from kdops.steps.evaluation import labeled, log_classes, log_epoch, prefixed
from kdops.steps.figures import curves
from kdops.steps.setup import CheckedCorpus, TrainingDataConfig, checked_corpus, gold_classes, identifying_tags
from kdops.tracking import artifacts, names, runs
from kdops.tracking.names import Role
from kdops.training.batches import TrainingSet
from kdops.training.loop import Epoch, Fit, LoopConfig, fit
from kdops.training.losses import GoldObjective

logger = logging.getLogger(__name__)

ARTIFACT = "teacher"

_VERSION = 1
"""Raised when the same configuration would train another teacher than before."""

_MODEL = "model"
_SCORES = (names.VALIDATION_PREFIX, names.TEST_PREFIX)
_SCRATCH_LEARNING_RATE = 5e-4
_LEARNING_RATE = 5e-5


class TeacherConfig(TrainingDataConfig):
    """The parameters of `train_teacher`."""

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    max_length: int = Field(default=128, ge=3)
    seed: int = Field(default=1, ge=0)
    force: bool = False


class TeacherMarks(Protocol):
    """What names the work of a teacher's students; the teacher itself need not be loaded."""

    @property
    def fingerprint(self) -> str:
        """Stands for its weights and tokenizer."""

    @property
    def tokenizer_fingerprint(self) -> str:
        """Stands for its tokenizer alone."""


@dataclass(frozen=True)
class KnownTeacher:
    """A finished teacher that nobody has loaded."""

    run_id: str
    fingerprint: str
    tokenizer_fingerprint: str


@dataclass(frozen=True)
class TrainedTeacher:
    """A teacher that is ready to be asked.

    Attributes:
        model: the weights of its best epoch, and its tokenizer.
        source: what it started from.
        run_id: the MLflow run that trained it.
        fingerprint: stands for its weights and tokenizer.
        metrics: everything that run measured.
        reused: whether it was there already.
    """

    model: Teacher
    source: str
    run_id: str
    fingerprint: str
    metrics: Mapping[str, float]
    reused: bool

    @property
    def tokenizer_fingerprint(self) -> str:
        """Stands for its tokenizer alone."""
        return _mark_of(self.model.tokenizer)

    def __str__(self) -> str:
        scores = {name: value for name, value in self.metrics.items() if name.startswith(_SCORES)}
        lines = [f"{name:24} {value:.4f}" for name, value in sorted(scores.items())]
        return "\n".join([*lines, f"run: {self.run_id}{' (reused)' if self.reused else ''}"])


def train_teacher(config: TeacherConfig) -> TrainedTeacher:
    """Fine-tune a teacher and log it; one that is finished is found and reused unless `force`.

    Raises:
        UserError: for anything wrong with the data, the teacher or the tracking server, before any training.
    """
    runs.connect()
    checked = checked_corpus(config)
    source = config.source(checked.corpus)
    check_teacher(source)
    unlabeled = config.unlabeled_texts(checked.corpus) if source == SCRATCH else None
    return teacher_for(checked, unlabeled, config, mark_reuse=True)


def teacher_for(
    checked: CheckedCorpus, unlabeled: Unlabeled | None, config: TeacherConfig, *, mark_reuse: bool
) -> TrainedTeacher:
    """The teacher of a data set: found, or trained in a run of its own.

    Args:
        checked: the data.
        unlabeled: texts without labels; only a teacher from scratch reads them, for its vocabulary.
        config: how to train.
        mark_reuse: whether a run should be opened to say that another one was reused.
    """
    corpus = checked.corpus
    source = config.source(corpus)
    work = _fingerprint(corpus, unlabeled, config, source)
    folder = home() / "teachers" / work
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        found = None if config.force else runs.find_finished(Role.TEACHER, work)
        if found:
            return _reused(found, corpus, source, folder, mark_reuse)
        described = config.model_dump() | {"dataset": corpus.name, names.DATA: config.dataset, "teacher": source}
        name = f"teacher {corpus.name}"
        with runs.tracked(Role.TEACHER, name, fingerprint=work, tags=identifying_tags(corpus), config=described) as run:
            run.dataset(corpus)
            run.metrics(checked.counts)
            model = _train(run, corpus, unlabeled, config, source, folder)
        return _ready(model, source, run.run_id, folder, reused=False)


def find_teacher(corpus: Corpus, unlabeled: Unlabeled | None, config: TeacherConfig) -> KnownTeacher | None:
    """The finished teacher that `teacher_for` would reuse, without loading it; None: there is none."""
    work = _fingerprint(corpus, unlabeled, config, config.source(corpus))
    run_id = None if config.force else runs.find_finished(Role.TEACHER, work)
    if run_id is None:
        return None
    tags = runs.get_tags(run_id)
    if names.WEIGHTS not in tags or names.TOKENIZER not in tags:
        folder = artifacts.fetch_folder(run_id, ARTIFACT, home() / "teachers" / work / _MODEL)
        # Kept, since hashing the weights of many teachers takes a while.
        tags = {names.WEIGHTS: teacher_identity(str(folder)), names.TOKENIZER: _mark_of(load_tokenizer(folder))}
        runs.Run(run_id).tags(tags)
    return KnownTeacher(run_id, tags[names.WEIGHTS], tags[names.TOKENIZER])


def _mark_of(tokenizer: Tokenizer) -> str:
    return content_fingerprint([tokenizer.to_str()])


def _reused(run_id: str, corpus: Corpus, source: str, folder: Path, mark_reuse: bool) -> TrainedTeacher:
    logger.info("teacher: reusing run %s", run_id)
    if mark_reuse:
        with runs.tracked(Role.TEACHER, f"teacher {corpus.name} (reused)", tags=identifying_tags(corpus)) as run:
            run.tags({names.REUSED_RUN: run_id})
            run.metrics(runs.get_metrics(run_id))
    model = load_teacher(str(artifacts.fetch_folder(run_id, ARTIFACT, folder / _MODEL)), corpus.task, corpus.labels)
    return _ready(model, source, run_id, folder, reused=True)


def _ready(model: Teacher, source: str, run_id: str, folder: Path, *, reused: bool) -> TrainedTeacher:
    mark = teacher_identity(str(folder / _MODEL))
    return TrainedTeacher(model, source, run_id, mark, runs.get_metrics(run_id), reused)


def _train(
    run: runs.Run, corpus: Corpus, unlabeled: Unlabeled | None, config: TeacherConfig, source: str, folder: Path
) -> Teacher:
    torch.manual_seed(config.seed)
    checkpoint, start = folder / "checkpoint.pt", folder / "start"
    if config.force:
        shutil.rmtree(folder / _MODEL, ignore_errors=True)
        checkpoint.unlink(missing_ok=True)
    teacher = _untrained(corpus, unlabeled, source, start, resumes=checkpoint.exists())
    if config.max_length > teacher.max_length:
        raise UserError(f"max_length={config.max_length} is more than teacher {source!r} reads: {teacher.max_length}")
    training = encode(teacher.tokenizer, corpus.inputs("train"), corpus.task, config.max_length)
    labels = training.unit_labels(gold_classes(corpus, "train"))
    validation = labeled(corpus, "validation", teacher.tokenizer, teacher.pad_id, config.max_length)

    def on_epoch(epoch: Epoch) -> None:
        log_epoch(run, epoch)
        logger.info(
            "teacher: epoch %d, loss %.3f, validation %s %.4f, %.0f s",
            epoch.number, epoch.losses["loss"], corpus.main_metric, epoch.scores[corpus.main_metric], epoch.seconds,
        )  # fmt: skip

    result = fit(
        teacher.model,
        TrainingSet(training, labels),
        GoldObjective(),
        validation.scores,
        _loop_config(config, source),
        main_metric=corpus.main_metric,
        pad_id=teacher.pad_id,
        description="teacher",
        on_epoch=on_epoch,
        checkpoint=checkpoint,
    )
    if result.best_score <= 0:
        logger.warning("the teacher learned nothing yet: give it more epochs, or another learning rate")
    teacher.model.to("cpu")
    _log(run, corpus, teacher, result, config.max_length)
    teacher.save(folder / _MODEL)
    run.folder(folder / _MODEL, ARTIFACT)
    checkpoint.unlink()
    shutil.rmtree(start, ignore_errors=True)
    return teacher


def _untrained(corpus: Corpus, unlabeled: Unlabeled | None, source: str, start: Path, *, resumes: bool) -> Teacher:
    """Where training starts; `start` keeps a teacher from scratch until it is trained."""
    if source != SCRATCH:
        return load_teacher(source, corpus.task, corpus.labels)
    if resumes:
        # A WordPiece vocabulary does not come out the same in another process, and a checkpoint fits its own only.
        return load_teacher(str(start), corpus.task, corpus.labels)
    inputs = [*corpus.inputs("train"), *(unlabeled.inputs() if unlabeled else [])]
    texts = [text if isinstance(text, str) else " ".join(text) for text in inputs]
    teacher = scratch_teacher(texts, corpus.task, corpus.labels)
    teacher.save(start)
    return teacher


def _loop_config(config: TeacherConfig, source: str) -> LoopConfig:
    usual = _SCRATCH_LEARNING_RATE if source == SCRATCH else _LEARNING_RATE
    return LoopConfig(
        epochs=config.epochs,
        learning_rate=config.learning_rate or usual,
        batch_size=config.batch_size,
        seed=config.seed,
    )


def _fingerprint(corpus: Corpus, unlabeled: Unlabeled | None, config: TeacherConfig, source: str) -> str:
    read = unlabeled.fingerprint if unlabeled and source == SCRATCH else ""
    loop = asdict(_loop_config(config, source))
    return fingerprint(_VERSION, corpus.fingerprint, teacher_identity(source), read, loop, config.max_length)


def _log(run: runs.Run, corpus: Corpus, teacher: Teacher, result: Fit, max_length: int) -> None:
    validation, test = (
        labeled(corpus, split, teacher.tokenizer, teacher.pad_id, max_length) for split in ("validation", "test")
    )
    run.metrics(prefixed(names.VALIDATION_PREFIX, validation.scores(teacher.model)))
    predicted = test.predictions(teacher.model)
    scores = score(corpus.task, corpus.labels, test.gold, predicted)
    run.metrics(prefixed(names.TEST_PREFIX, scores) | {"best_epoch": result.best_epoch})
    run.figure(curves(result.history, corpus.main_metric), "curves.png")
    log_classes(run, corpus, predicted)
    logger.info("teacher: test %s %.4f", corpus.main_metric, scores[corpus.main_metric])
