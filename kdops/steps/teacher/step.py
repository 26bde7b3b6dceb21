"""Fine-tune a teacher for a data set, or find the one that was."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import Unlabeled
from kdops.errors import UserError
from kdops.fingerprint import fingerprint
from kdops.models.teachers.sources import SCRATCH, check_teacher, file_of, member_sources, teacher_identity
from kdops.number_text import score
from kdops.steps.data_config import TrainingDataConfig
from kdops.steps.setup import CheckedCorpus, checked_corpus, described_data, identifying_tags, launched_together
from kdops.steps.teacher.config import TeacherConfig
from kdops.steps.teacher.file import checked_file, make_file_teacher
from kdops.steps.teacher.result import MODEL, TeacherFacts, TeacherKeys, TrainedTeacher
from kdops.tracking import names
from kdops.tracking.names import Role
from kdops.tracking.recorder import MlflowRecorder, Recorder, Recording, score_metrics
from kdops.workspace import RESULT_FILE, TEACHERS, Piece, load_result

if TYPE_CHECKING:
    from kdops.steps.teacher.training import Order

logger = logging.getLogger(__name__)

ARTIFACT = "teacher"
"""The folder of a teacher's run that holds its weights and tokenizer."""

CallHelpers = Callable[["Order"], None]


def _alone(order: "Order") -> None:
    """There are no other processes to call."""


def train_teacher(config: TeacherConfig, recorder: Recorder | None = None) -> TrainedTeacher | None:
    """Fine-tune a teacher and record it; one that is finished is found and reused unless `force`.

    Of several processes that `accelerate launch` started, the main one does that; the others give None when they have
    helped it to train.

    Args:
        config: the parameters.
        recorder: where its run goes; None: to MLflow.

    Raises:
        UserError: for anything wrong with the data, the teacher or the tracking server, before any training.
    """
    recorder = recorder or MlflowRecorder()
    if not launched_together():
        return _train_or_find(config, recorder, _alone)
    from kdops.steps.teacher.training import Order, help_training
    from kdops.training import devices

    with devices.together() as state:
        if not state.is_main_process:
            order = devices.wait_for_call()
            if isinstance(order, Order):
                help_training(order)
            return None
        with devices.helpers() as call:
            return _train_or_find(config, recorder, call)


def _train_or_find(config: TeacherConfig, recorder: Recorder, call_helpers: CallHelpers) -> TrainedTeacher:
    config = config.at_hand()
    checked = checked_corpus(config)
    corpus = checked.corpus
    sources = config.sources(corpus)
    check_teachers(config, corpus)
    unlabeled = config.unlabeled_texts(corpus, wanted=SCRATCH in sources)
    recorder.connect()
    teacher = teacher_for(checked, unlabeled, config, recorder, call_helpers)
    say_what_is_reused(teacher)
    if teacher.reused:
        name = f"teacher {corpus.name} (reused)"
        with recorder.opened(Role.TEACHER, name, tags=identifying_tags(corpus)) as record:
            record.tags({names.REUSED_RUN: teacher.run_id})
    return teacher


def check_teachers(config: TrainingDataConfig, corpus: Corpus) -> None:
    """Find out within seconds whether the teachers can be had; a file of probabilities is read.

    Raises:
        UserError: if one cannot, or choices exclude each other.
    """
    sources = config.sources(corpus)
    file = next(filter(file_of, sources), None)
    if file:
        _check_file(config, corpus, file)
    elif config.teacher_missing != "refuse":
        raise UserError(f"teacher_missing={config.teacher_missing} is for a teacher that is a file of probabilities")
    elif config.labels_of_teacher and config.teacher_mode != "as_is":
        raise UserError("label_names is for teacher_mode=as_is: a teacher that is trained takes the data's names")
    if corpus.task.several and (len(sources) > 1 or config.teacher_seeds > 1):
        raise UserError(f"{corpus.task} has one teacher: the mean of several is for one label per text or word")
    if SCRATCH in sources and (len(sources) > 1 or config.teacher_seeds > 1 or config.teacher_mode == "as_is"):
        raise UserError("teacher=scratch teaches alone, once, and must be trained: its tokenizer is its own")
    if config.teacher is None:
        logger.info("teacher: %s, since none is named; teacher= names another", corpus.default_teacher)
    for source in sources:
        check_teacher(source)
    if config.teacher_mode == "as_is" and not file:
        _check_as_is(config, corpus, sources)
    if file:
        checked_file(corpus, config)


def _check_as_is(config: TrainingDataConfig, corpus: Corpus, sources: Sequence[str]) -> None:
    # Seconds to import, which most commands need not spend before anything is begun.
    from kdops.models.teachers.config import check_as_is

    for source in chain.from_iterable(map(member_sources, sources)):
        check_as_is(source, corpus.task, corpus.labels, config.labels_of_teacher)
    if not corpus.labeled_by:
        logger.info("teacher: taken as it is; if it was trained on rows of validation or test, its scores flatter it")


def _check_file(config: TrainingDataConfig, corpus: Corpus, file: str) -> None:
    if len(config.sources(corpus)) > 1 or config.teacher_seeds > 1:
        raise UserError(f"teacher {file!r} is a file of probabilities, which teaches alone and once")
    if corpus.task.several or corpus.pairs:
        what = "pairs" if corpus.pairs else corpus.task
        raise UserError(f"teacher {file!r} is a file of probabilities, which does not teach {what}; give an encoder")
    if config.teacher_precision != "auto":
        raise UserError(f"teacher_precision={config.teacher_precision} is for encoders: a file multiplies nothing")


def teacher_keys(corpus: Corpus, unlabeled: Unlabeled | None, config: TeacherConfig) -> TeacherKeys:
    """The keys of the teacher of these parameters, trained or not.

    Args:
        corpus: the data.
        unlabeled: texts without labels, which only a teacher from scratch reads.
        config: how it is trained.
    """
    members = config.members(corpus)
    if len(members) > 1:
        keys = [teacher_keys(corpus, unlabeled, member) for member in members]
        return TeacherKeys(fingerprint([one.work for one in keys]), keys[0].tokenizer)
    source = config.source(corpus)
    precision = () if config.teacher_precision == "auto" else (config.teacher_precision,)
    if file_of(source):
        given = (teacher_identity(source), config.labels_of_teacher, config.teacher_missing)
        return TeacherKeys(fingerprint(corpus.fingerprint, *given), "")
    if config.teacher_mode == "as_is":
        named = config.labels_of_teacher
        work = fingerprint(corpus.fingerprint, teacher_identity(source), named, config.max_length, *precision)
        return TeacherKeys.of(work, source)
    read = unlabeled.fingerprint if unlabeled and source == SCRATCH else ""
    loop = asdict(config.loop(source))
    work = fingerprint(corpus.fingerprint, teacher_identity(source), read, loop, config.max_length, *precision)
    return TeacherKeys.of(work, source)


def teacher_for(
    checked: CheckedCorpus,
    unlabeled: Unlabeled | None,
    config: TeacherConfig,
    recorder: Recorder,
    call_helpers: CallHelpers = _alone,
) -> TrainedTeacher:
    """The teacher of a data set: found, or made in a run of its own; several that teach together are one teacher.

    Args:
        checked: the data.
        unlabeled: texts without labels; only a teacher from scratch reads them, for its vocabulary.
        config: how to train.
        recorder: where its run goes, if it has none there yet.
        call_helpers: sends the order to the other processes, where there are any.

    Raises:
        UserError: if it cannot be used for these data, or several have different tokenizers.
    """
    corpus = checked.corpus
    members = config.members(corpus)
    taught = [teacher_for(checked, unlabeled, one, recorder) for one in members] if len(members) > 1 else []
    say_what_is_reused(*taught)

    def make(record: Recording, to: Path, piece: Piece) -> None:
        from kdops.steps.teacher.training import make_ensemble, make_teacher

        if file_of(config.source(corpus)):
            make_file_teacher(corpus, config, to)
        elif taught:
            make_ensemble(corpus, taught, to)
        else:
            make_teacher(record, corpus, unlabeled, config, to, piece, call_helpers)

    return _found_or_made(checked, config, teacher_keys(corpus, unlabeled, config), recorder, make)


def say_what_is_reused(*teachers: TrainedTeacher) -> None:
    """Say which teachers were there already, and which runs made them."""
    for teacher in teachers:
        if teacher.reused:
            logger.info("teacher: reusing run %s", teacher.run_id)


def _found_or_made(
    checked: CheckedCorpus,
    config: TeacherConfig,
    keys: TeacherKeys,
    recorder: Recorder,
    make: Callable[[Recording, Path, Piece], None],
) -> TrainedTeacher:
    piece = Piece(TEACHERS, keys.work)
    with piece.locked():
        run_id = None if config.force else recorder.finished(Role.TEACHER, keys.work)

        def fetch(folder: Path) -> bool:
            return run_id is not None and _fetch(recorder, run_id, folder)

        folder = None if config.force else piece.find(fetch)
        reused = folder is not None
        if folder is None or run_id is None:
            with _run_of(recorder, checked, config, keys.work) as record:
                if folder is None:
                    folder = piece.make(lambda to: make(record, to, piece))
                _record(record, checked, config, folder)
                run_id = record.run_id
    return TrainedTeacher.load(folder, keys, run_id, reused=reused)


def _run_of(
    recorder: Recorder, checked: CheckedCorpus, config: TeacherConfig, work: str
) -> AbstractContextManager[Recording]:
    corpus = checked.corpus
    described = config.model_dump() | described_data(config, corpus)
    described["teacher"] = ", ".join(config.sources(corpus))
    tags = identifying_tags(corpus)
    return recorder.opened(Role.TEACHER, f"teacher {corpus.name}", fingerprint=work, tags=tags, config=described)


def _record(record: Recording, checked: CheckedCorpus, config: TeacherConfig, folder: Path) -> None:
    facts, corpus = load_result(folder, TeacherFacts), checked.corpus
    scored = facts.scores.test.get(corpus.main_metric)
    short = f"{facts.source} seed {config.seed}" + (f", {corpus.main_metric} {score(scored)}" if scored else "")
    record.described(short, f"Teacher of `{corpus.name}`: {short} on the test split")
    source = Path(facts.source).name
    record.model(Role.TEACHER, corpus, f"teacher-{source}", {"teacher": facts.source})
    record.metrics(score_metrics(facts.scores))
    record.data(corpus, checked.counts)
    record.fit(facts.fit, corpus.main_metric)
    record.predictions(corpus, facts.scores)
    if facts.texts is None:
        record.folder(folder / MODEL, ARTIFACT)
    record.file(folder / RESULT_FILE)


def _fetch(recorder: Recorder, run_id: str, folder: Path) -> bool:
    return recorder.fetch(run_id, ARTIFACT, folder / MODEL) and recorder.fetch(
        run_id, RESULT_FILE, folder / RESULT_FILE
    )
