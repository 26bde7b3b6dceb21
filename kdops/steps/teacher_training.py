"""A teacher's training: in one process, or in several that `accelerate launch` started."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field

from kdops.data.corpus import Corpus
from kdops.data.encoding import encode
from kdops.data.unlabeled import Unlabeled
from kdops.errors import UserError
from kdops.metrics import score
from kdops.models.teacher import SCRATCH, Teacher, load_teacher, scratch_teacher
from kdops.steps.evaluation import labeled, log_classes, log_epoch, prefixed
from kdops.steps.figures import curves
from kdops.steps.setup import TrainingDataConfig, gold_classes
from kdops.tracking import names, runs
from kdops.training.batches import TrainingSet
from kdops.training.loop import Epoch, Fit, LoopConfig, fit
from kdops.training.losses import GoldObjective

logger = logging.getLogger(__name__)

ARTIFACT = "teacher"
MODEL = "model"

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

    def loop(self, source: str) -> LoopConfig:
        """How a teacher that starts from `source` is trained."""
        usual = _SCRATCH_LEARNING_RATE if source == SCRATCH else _LEARNING_RATE
        return LoopConfig(
            epochs=self.epochs,
            learning_rate=self.learning_rate or usual,
            batch_size=self.batch_size,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Order:
    """What a process must know to help with training.

    Attributes:
        source: where the untrained teacher is.
        config: how it is trained.
        loop: the same, as the training loop reads it.
        checkpoint: file that it may go on from.
    """

    source: str
    config: TeacherConfig
    loop: LoopConfig
    checkpoint: Path


def train(
    run: runs.Run,
    corpus: Corpus,
    unlabeled: Unlabeled | None,
    config: TeacherConfig,
    source: str,
    folder: Path,
    call_helpers: Callable[[object], None],
) -> Teacher:
    """Train a teacher, score it and log it with its run.

    Args:
        run: the open run.
        corpus: the data.
        unlabeled: texts without labels, for the vocabulary of a teacher from scratch.
        config: how to train.
        source: what it starts from.
        folder: where its model and its checkpoint are kept.
        call_helpers: tells the other processes what to train, where there are any.

    Raises:
        UserError: if it cannot read texts as long as asked for.
    """
    torch.manual_seed(config.seed)
    checkpoint, start = folder / "checkpoint.pt", folder / "start"
    if config.force:
        shutil.rmtree(folder / MODEL, ignore_errors=True)
        checkpoint.unlink(missing_ok=True)
    teacher = _untrained(corpus, unlabeled, source, start, resumes=checkpoint.exists())
    if config.max_length > teacher.max_length:
        raise UserError(f"max_length={config.max_length} is more than teacher {source!r} reads: {teacher.max_length}")
    training = _training_set(corpus, teacher, config.max_length)
    validation = labeled(corpus, "validation", teacher.tokenizer, teacher.pad_id, config.max_length)

    def on_epoch(epoch: Epoch) -> None:
        log_epoch(run, epoch)
        logger.info(
            "teacher: epoch %d, loss %.3f, validation %s %.4f, %.0f s",
            epoch.number, epoch.losses["loss"], corpus.main_metric, epoch.scores[corpus.main_metric], epoch.seconds,
        )  # fmt: skip

    loop = config.loop(source)
    call_helpers(Order(str(start) if source == SCRATCH else source, config, loop, checkpoint))
    result = fit(
        teacher.model,
        training,
        GoldObjective(),
        validation.scores,
        loop,
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
    teacher.save(folder / MODEL)
    run.folder(folder / MODEL, ARTIFACT)
    checkpoint.unlink()
    shutil.rmtree(start, ignore_errors=True)
    return teacher


def help_training(order: Order) -> None:
    """Train along with the main process, on this one's share of each batch; nothing is scored or written here."""
    logging.getLogger("kdops").setLevel(logging.WARNING)
    corpus = order.config.corpus()
    teacher = load_teacher(order.source, corpus.task, corpus.labels)
    fit(
        teacher.model,
        _training_set(corpus, teacher, order.config.max_length),
        GoldObjective(),
        lambda model: {},
        order.loop,
        main_metric=corpus.main_metric,
        pad_id=teacher.pad_id,
        description="teacher",
        checkpoint=order.checkpoint,
        quiet=True,
    )


def _training_set(corpus: Corpus, teacher: Teacher, max_length: int) -> TrainingSet:
    training = encode(teacher.tokenizer, corpus.inputs("train"), corpus.task, max_length)
    return TrainingSet(training, training.unit_labels(gold_classes(corpus, "train")))


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
