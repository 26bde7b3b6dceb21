"""A teacher's training: in one process, or in several that `accelerate launch` started."""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from kdops.data.corpus import Corpus
from kdops.data.encoding import encode
from kdops.data.inputs import joined, sides
from kdops.data.one_answer import constant_answer
from kdops.data.unlabeled import Unlabeled
from kdops.deploy.teacher_export import check_exports
from kdops.models.teachers.ensemble import mean_teacher
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.model import Teacher
from kdops.models.teachers.scratch import scratch_teacher
from kdops.models.teachers.sources import SCRATCH, teacher_identity
from kdops.steps.teacher.config import TeacherConfig
from kdops.steps.teacher.result import MODEL, TeacherFacts, TrainedTeacher
from kdops.task import head_sizes
from kdops.tracking.recorder import Recording
from kdops.training.batches import TrainingSet
from kdops.training.loop import fit
from kdops.training.losses import GoldObjective, Heads
from kdops.training.scoring import labeled_texts, training_labels
from kdops.training.teacher_checks import check_length, check_teacher_reads
from kdops.training.values import Epoch, Fit, LoopConfig, ModelScores, Thresholds
from kdops.workspace import Piece, save_result

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """All that a process needs to help with training.

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


def make_teacher(
    record: Recording,
    corpus: Corpus,
    unlabeled: Unlabeled | None,
    config: TeacherConfig,
    folder: Path,
    piece: Piece,
    call_helpers: Callable[[Order], None],
) -> None:
    """Train a teacher, unless it is to be used as it is, and score it.

    Args:
        record: takes each epoch as it ends.
        corpus: the data.
        unlabeled: texts without labels, for the vocabulary of a teacher from scratch.
        config: how to train.
        folder: gets the teacher and what is known of it.
        piece: whose scratch folder keeps what training can go on from.
        call_helpers: sends the order to the other processes, where there are any.

    Raises:
        UserError: if it cannot be used for these data: texts as long, their characters, its labels, its export.
    """
    torch.manual_seed(config.seed)
    source = config.source(corpus)
    if config.force:
        shutil.rmtree(piece.scratch, ignore_errors=True)
    checkpoint, start = piece.scratch / "checkpoint.pt", piece.scratch / "start"
    teacher = _untrained(corpus, unlabeled, config, start)
    teacher.model.float32_only |= config.teacher_precision == "fp32"
    training = _training_set(corpus, teacher, config.max_length)
    if source == SCRATCH:
        check_length(teacher, source, config.max_length)
    else:
        check_teacher_reads(teacher, source, training.encoded, config.max_length)
        check_exports(teacher, source, corpus.task, config.max_length)
    if config.teacher_mode == "as_is":
        _keep(corpus, teacher, source, config.max_length, None, folder)
        return

    def on_epoch(epoch: Epoch) -> None:
        record.epoch(epoch)
        logger.info(
            "teacher: epoch %d, loss %.3f, validation %s %.3f, %.0f s",
            epoch.number, epoch.losses["loss"], corpus.main_metric, epoch.scores[corpus.main_metric], epoch.seconds,
        )  # fmt: skip

    loop = config.loop(source)
    call_helpers(Order(str(start) if source == SCRATCH else source, config, loop, checkpoint))
    result = fit(
        teacher.model,
        training,
        _objective(corpus),
        labeled_texts(corpus, "validation", teacher.tokenizer, teacher.pad_id, config.max_length).scores,
        loop,
        main_metric=corpus.main_metric,
        pad_id=teacher.pad_id,
        description="teacher",
        head=teacher.model.head,
        on_epoch=on_epoch,
        checkpoint=checkpoint,
    )
    teacher.model.to("cpu")
    _keep(corpus, teacher, source, config.max_length, result, folder)


def make_ensemble(corpus: Corpus, members: Sequence[TrainedTeacher], folder: Path) -> None:
    """Make one teacher of several, whose probabilities are the mean of theirs, and score it.

    Args:
        corpus: the data.
        members: the teachers.
        folder: gets the ensemble and what is known of it.

    Raises:
        UserError: if their tokenizers differ.
    """
    teacher = mean_teacher([member.model for member in members])
    source = " and ".join(member.facts.source for member in members)
    for number, member in enumerate(members, start=1):
        if score := member.facts.scores.validation.get(corpus.main_metric):
            name, of = member.facts.source, len(members)
            logger.info("teacher %s, %d of %d: validation %s %.3f", name, number, of, corpus.main_metric, score)
    _keep(corpus, teacher, source, members[0].facts.max_length, None, folder)


def _keep(corpus: Corpus, teacher: Teacher, source: str, max_length: int, result: Fit | None, folder: Path) -> None:
    """Score a finished teacher, and write it and what is known of it."""
    teacher.save(folder / MODEL)
    thresholds, scores = _scores(corpus, teacher, max_length)
    facts = TeacherFacts(
        source=source,
        weights=teacher_identity(str(folder / MODEL)),
        task=corpus.task,
        labels=corpus.labels,
        max_length=max_length,
        pad_id=teacher.pad_id,
        thresholds=thresholds,
        pairs=corpus.pairs,
        float32_only=teacher.model.float32_only,
        scores=scores,
        fit=result or Fit(scores.validation.get(corpus.main_metric, 0.0), 0, ()),
    )
    save_result(folder, facts)
    if nothing := constant_answer(corpus.task, corpus.gold("validation"), scores.validation_labels):
        logger.warning("the teacher learned nothing yet: it %s; give it more epochs or another rate", nothing)
    if not corpus.labeled_by:
        logger.info("teacher: test %s %.3f", corpus.main_metric, scores.test[corpus.main_metric])


def help_training(order: Order) -> None:
    """Train along with the main process, on this one's share of each batch; nothing is scored or written here."""
    logging.getLogger("kdops").setLevel(logging.WARNING)
    corpus = order.config.corpus()
    teacher = load_teacher(order.source, corpus.task, corpus.labels, brought=False, pairs=corpus.pairs)
    teacher.model.float32_only |= order.config.teacher_precision == "fp32"
    fit(
        teacher.model,
        _training_set(corpus, teacher, order.config.max_length),
        _objective(corpus),
        lambda model: {},
        order.loop,
        main_metric=corpus.main_metric,
        pad_id=teacher.pad_id,
        description="teacher",
        head=teacher.model.head,
        checkpoint=order.checkpoint,
        quiet=True,
    )


def _objective(corpus: Corpus) -> GoldObjective:
    return GoldObjective(Heads(head_sizes(corpus.task, corpus.labels)))


def _training_set(corpus: Corpus, teacher: Teacher, max_length: int) -> TrainingSet:
    training = encode(teacher.tokenizer, corpus.inputs("train"), corpus.task, max_length)
    return TrainingSet(training, training_labels(corpus, training))


def _untrained(corpus: Corpus, unlabeled: Unlabeled | None, config: TeacherConfig, start: Path) -> Teacher:
    """The untrained teacher; one from scratch is put into `start`, where the other processes find it."""
    source = config.source(corpus)
    if source != SCRATCH:
        as_is = config.teacher_mode == "as_is"
        names = config.labels_of_teacher
        return load_teacher(source, corpus.task, corpus.labels, as_is=as_is, label_names=names, pairs=corpus.pairs)
    inputs = [*corpus.inputs("train"), *(unlabeled.inputs() if unlabeled else [])]
    texts = [joined(side) for text in inputs for side in sides(text)]
    teacher = scratch_teacher(texts, corpus.task, corpus.labels, pairs=corpus.pairs)
    teacher.save(start)
    return teacher


def _scores(corpus: Corpus, teacher: Teacher, max_length: int) -> tuple[Thresholds, ModelScores]:
    if corpus.labeled_by:  # Its labels are the teacher's own.
        return (), ModelScores.of(corpus, [], [])
    validation, test = (
        labeled_texts(corpus, split, teacher.tokenizer, teacher.pad_id, max_length) for split in ("validation", "test")
    )
    logits = validation.logits(teacher.model)
    thresholds = validation.thresholds(logits)
    return thresholds, ModelScores.of(
        corpus, validation.named(logits, thresholds), test.named(test.logits(teacher.model), thresholds)
    )
