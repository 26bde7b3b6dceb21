"""The teacher in the form that students are compared with: an ONNX bundle, made once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from kdops.data.corpus import Corpus
from kdops.deploy.bundle import FP32, write_bundle, write_ungated_int8_bundle
from kdops.deploy.bundle_scores import bundle_scores
from kdops.deploy.predictor import FORMAT_VERSION, BundleInfo, Predictor, read_info
from kdops.deploy.tolerances import Parity
from kdops.errors import UserError
from kdops.fingerprint import fingerprint
from kdops.steps.teacher.result import TeacherFacts, TrainedTeacher
from kdops.steps.teacher.step import ARTIFACT
from kdops.tracking.recorder import Recorder
from kdops.training.values import ModelScores
from kdops.workspace import (
    INT8_TEACHERS,
    RESULT_FILE,
    TEACHER_BUNDLES,
    Piece,
    find_or_make,
    load_result,
    save_result,
)

if TYPE_CHECKING:
    from kdops.models.teachers.model import Teacher

logger = logging.getLogger(__name__)

_BUNDLE = "bundle"


@dataclass(frozen=True)
class TeacherBundle:
    """A teacher's fp32 bundle on this machine, and how far it is from the teacher."""

    path: Path
    parity: Parity


def teacher_bundle(teacher: TrainedTeacher, corpus: Corpus) -> TeacherBundle | None:
    """The bundle of a trained teacher; None of one that is a file of probabilities.

    Raises:
        RuntimeError: if it does not predict as the teacher does.
    """
    return None if teacher.is_file else _bundle(teacher.facts, lambda: teacher.model, corpus)


def teacher_bundle_of(run_id: str, corpus: Corpus, recorder: Recorder) -> TeacherBundle:
    """The bundle of the teacher that a finished run made.

    Raises:
        UserError: if that run keeps no teacher.
    """
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if not recorder.fetch(run_id, RESULT_FILE, folder / RESULT_FILE):
            raise UserError(f"run {run_id} keeps no teacher")
        facts = load_result(folder, TeacherFacts)
        if facts.texts is not None:
            raise UserError(f"run {run_id}: its teacher is the file {facts.source}, of which there is no model")

        def load() -> "Teacher":
            from kdops.models.teachers.loading import load_teacher

            if not recorder.fetch(run_id, ARTIFACT, folder / ARTIFACT):
                raise UserError(f"run {run_id} keeps no teacher")
            return load_teacher(str(folder / ARTIFACT), facts.task, facts.labels, brought=False, pairs=facts.pairs)

        return _bundle(facts, load, corpus)


@dataclass(frozen=True)
class Int8Teacher:
    """A teacher by dynamic quantisation, the alternative without any distillation, and its scores."""

    path: Path
    scores: ModelScores


def int8_teacher(teacher: TeacherBundle, corpus: Corpus) -> Int8Teacher:
    """The int8 form of a teacher's bundle, whether or not it would pass the gate: its scores tell what is lost."""

    def write(to: Path) -> None:
        logger.info("teacher: its int8 form is made and scored")
        bundle = write_ungated_int8_bundle(to / _BUNDLE, teacher.path)
        save_result(to, bundle_scores(corpus, bundle))

    key = fingerprint(read_info(teacher.path).fingerprint, FORMAT_VERSION, corpus.fingerprint)
    folder = find_or_make(Piece(INT8_TEACHERS, key), write)
    return Int8Teacher(folder / _BUNDLE, load_result(folder, ModelScores))


def _bundle(facts: TeacherFacts, load: "Callable[[], Teacher]", corpus: Corpus) -> TeacherBundle:
    # The format is part of the key: a bundle of another one is made again.
    piece = Piece(TEACHER_BUNDLES, f"{facts.weights}-{facts.max_length}-f{FORMAT_VERSION}")
    folder = find_or_make(piece, lambda to: _write(to, facts, load(), corpus))
    return TeacherBundle(folder / _BUNDLE, load_result(folder, Parity))


def _write(folder: Path, facts: TeacherFacts, teacher: "Teacher", corpus: Corpus) -> None:
    from kdops.deploy.parity import check_parity

    info = BundleInfo(
        task=corpus.task,
        labels=corpus.labels,
        max_length=facts.max_length,
        pad_id=teacher.pad_id,
        student="teacher",
        dataset=corpus.name,
        licence=corpus.licence,
        teacher=facts.source,
        recipe="fine-tuned",
        precision=FP32,
        main_metric=corpus.main_metric,
        # Where the labels are its own, it agrees with them.
        main_metric_value=facts.scores.validation.get(corpus.main_metric, 1.0),
        fingerprint=facts.weights,
        word_pattern=corpus.word_rule().pattern,
        thresholds=facts.thresholds,
        pairs=corpus.pairs,
    )
    logger.info("teacher: its bundle is made")
    write_bundle(folder / _BUNDLE, model=teacher.model, tokenizer=teacher.tokenizer, info=info)
    inputs, gold = corpus.inputs("validation"), corpus.gold("validation")
    # With a BERT-base about two minutes on one core, once a teacher: little beside its training and its logits.
    parity = check_parity(teacher.model, Predictor.load(folder / _BUNDLE), inputs, gold)
    if not parity.passed:
        raise RuntimeError(f"the teacher's ONNX bundle does not match the teacher: {parity.reason}")
    save_result(folder, parity)
