"""Fine-tune a teacher for a data set, or find the one that was."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock
from tokenizers import Tokenizer

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import Unlabeled
from kdops.fingerprint import content_fingerprint, fingerprint
from kdops.home import home
from kdops.models.teacher import (
    SCRATCH,
    Teacher,
    check_teacher,
    load_teacher,
    load_tokenizer,
    teacher_identity,
)
from kdops.steps.setup import CheckedCorpus, checked_corpus, identifying_tags
from kdops.steps.teacher_training import ARTIFACT, MODEL, Order, TeacherConfig, help_training, train
from kdops.tracking import artifacts, names, runs
from kdops.tracking.names import Role
from kdops.training import devices

logger = logging.getLogger(__name__)

_VERSION = 2
"""Raised when the same configuration would train another teacher than before."""

_SCORES = (names.VALIDATION_PREFIX, names.TEST_PREFIX)


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


def train_teacher(config: TeacherConfig) -> TrainedTeacher | None:
    """Fine-tune a teacher and log it; one that is finished is found and reused unless `force`.

    Of several processes that `accelerate launch` started, the main one does that; the others give None when they have
    helped it to train.

    Raises:
        UserError: for anything wrong with the data, the teacher or the tracking server, before any training.
    """
    with devices.together() as state:
        if not state.is_main_process:
            order = devices.wait_for_call()
            if isinstance(order, Order):
                help_training(order)
            return None
        with devices.helpers() as call:
            return _train_or_find(config, call)


def _train_or_find(config: TeacherConfig, call_helpers: Callable[[object], None]) -> TrainedTeacher:
    runs.connect()
    checked = checked_corpus(config)
    source = config.source(checked.corpus)
    check_teacher(source)
    unlabeled = config.unlabeled_texts(checked.corpus, wanted=source == SCRATCH)
    return teacher_for(checked, unlabeled, config, mark_reuse=True, call_helpers=call_helpers)


def teacher_for(
    checked: CheckedCorpus,
    unlabeled: Unlabeled | None,
    config: TeacherConfig,
    *,
    mark_reuse: bool,
    call_helpers: Callable[[object], None] = lambda order: None,
) -> TrainedTeacher:
    """The teacher of a data set: found, or trained in a run of its own.

    Args:
        checked: the data.
        unlabeled: texts without labels; only a teacher from scratch reads them, for its vocabulary.
        config: how to train.
        mark_reuse: whether a run should be opened to say that another one was reused.
        call_helpers: tells the other processes what to train, where there are any.
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
            model = train(run, corpus, unlabeled, config, source, folder, call_helpers)
        return _ready(model, source, run.run_id, folder, reused=False)


def find_teacher(corpus: Corpus, unlabeled: Unlabeled | None, config: TeacherConfig) -> KnownTeacher | None:
    """The finished teacher that `teacher_for` would reuse, without loading it; None: there is none."""
    work = _fingerprint(corpus, unlabeled, config, config.source(corpus))
    run_id = None if config.force else runs.find_finished(Role.TEACHER, work)
    if run_id is None:
        return None
    tags = runs.get_tags(run_id)
    if names.WEIGHTS not in tags or names.TOKENIZER not in tags:
        folder = artifacts.fetch_folder(run_id, ARTIFACT, home() / "teachers" / work / MODEL)
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
    model = load_teacher(str(artifacts.fetch_folder(run_id, ARTIFACT, folder / MODEL)), corpus.task, corpus.labels)
    return _ready(model, source, run_id, folder, reused=True)


def _ready(model: Teacher, source: str, run_id: str, folder: Path, *, reused: bool) -> TrainedTeacher:
    mark = teacher_identity(str(folder / MODEL))
    return TrainedTeacher(model, source, run_id, mark, runs.get_metrics(run_id), reused)


def _fingerprint(corpus: Corpus, unlabeled: Unlabeled | None, config: TeacherConfig, source: str) -> str:
    read = unlabeled.fingerprint if unlabeled and source == SCRATCH else ""
    loop = asdict(config.loop(source))
    return fingerprint(_VERSION, corpus.fingerprint, teacher_identity(source), read, loop, config.max_length)
