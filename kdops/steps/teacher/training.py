"""A teacher's training: in one process, or in several that `accelerate launch` started."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from kdops.data.corpus import Corpus
from kdops.data.encoding import encode
from kdops.data.unlabeled import Unlabeled
from kdops.errors import UserError
from kdops.models.teacher import SCRATCH, Teacher, load_teacher, scratch_teacher, teacher_identity
from kdops.steps.setup import gold_classes
from kdops.steps.teacher.config import TeacherConfig
from kdops.steps.teacher.result import MODEL, TeacherFacts
from kdops.tracking.recorder import Recording
from kdops.training.batches import TrainingSet
from kdops.training.loop import Epoch, LoopConfig, fit
from kdops.training.losses import GoldObjective
from kdops.training.scoring import ModelScores, labeled_texts, score_predictions
from kdops.workspace import Piece, save_result

logger = logging.getLogger(__name__)


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
    record: Recording,
    corpus: Corpus,
    unlabeled: Unlabeled | None,
    config: TeacherConfig,
    folder: Path,
    piece: Piece,
    call_helpers: Callable[[Order], None],
) -> None:
    """Train a teacher and score it.

    Args:
        record: takes each epoch as it ends.
        corpus: the data.
        unlabeled: texts without labels, for the vocabulary of a teacher from scratch.
        config: how to train.
        folder: gets the teacher and what is known of it.
        piece: whose scratch folder keeps what training can go on from.
        call_helpers: tells the other processes what to train, where there are any.

    Raises:
        UserError: if it cannot read texts as long as asked for.
    """
    torch.manual_seed(config.seed)
    source = config.source(corpus)
    if config.force:
        shutil.rmtree(piece.scratch, ignore_errors=True)
    checkpoint, start = piece.scratch / "checkpoint.pt", piece.scratch / "start"
    teacher = _untrained(corpus, unlabeled, source, start, resumes=checkpoint.exists())
    if config.max_length > teacher.max_length:
        raise UserError(f"max_length={config.max_length} is more than teacher {source!r} reads: {teacher.max_length}")
    validation = labeled_texts(corpus, "validation", teacher.tokenizer, teacher.pad_id, config.max_length)

    def on_epoch(epoch: Epoch) -> None:
        record.epoch(epoch)
        logger.info(
            "teacher: epoch %d, loss %.3f, validation %s %.4f, %.0f s",
            epoch.number, epoch.losses["loss"], corpus.main_metric, epoch.scores[corpus.main_metric], epoch.seconds,
        )  # fmt: skip

    loop = config.loop(source)
    call_helpers(Order(str(start) if source == SCRATCH else source, config, loop, checkpoint))
    result = fit(
        teacher.model,
        _training_set(corpus, teacher, config.max_length),
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
    teacher.save(folder / MODEL)
    facts = TeacherFacts(
        source=source,
        weights=teacher_identity(str(folder / MODEL)),
        task=corpus.task,
        labels=corpus.labels,
        max_length=config.max_length,
        pad_id=teacher.pad_id,
        scores=_scores(corpus, teacher, config.max_length),
        fit=result,
    )
    save_result(folder, facts)
    logger.info("teacher: test %s %.4f", corpus.main_metric, facts.scores.test[corpus.main_metric])


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


def _scores(corpus: Corpus, teacher: Teacher, max_length: int) -> ModelScores:
    validation, test = (
        labeled_texts(corpus, split, teacher.tokenizer, teacher.pad_id, max_length).predictions(teacher.model)
        for split in ("validation", "test")
    )
    return score_predictions(corpus, validation, test)
