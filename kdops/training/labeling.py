"""Texts without gold labels: a teacher labels them, and what learns from it is scored by how far it agrees."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import cast

from kdops.data.corpus import Gold, corpus_name, load_corpus
from kdops.data.pool import file_source
from kdops.data.raw import SPLITS, DataOptions
from kdops.data.readers.lines import parse_json, stream_lines
from kdops.data.teacher_labels import TeacherLabels, teacher_labels_of, write_teacher_labels
from kdops.errors import UserError
from kdops.fingerprint import content_fingerprint, fingerprint
from kdops.models.teachers.sources import file_of, teacher_identity
from kdops.task import Task, aspect_of, value_of
from kdops.training.probabilities import (
    LabelNames,
    given_store,
    labels_in,
    lacking,
    likely_labels,
    shown,
)
from kdops.workspace import TEACHER_LABELED, Piece, find_or_make

logger = logging.getLogger(__name__)

Texts = list[str] | list[list[str]]
"""Texts, or for tasks of words their words."""

_TEXT_FILES = (".jsonl", ".ndjson", ".txt")
_NO_PAIRS = "labels=teacher is for single texts, and these are pairs"
_HEADS = {"ForSequenceClassification": Task.TEXT, "ForTokenClassification": Task.TOKEN}


@dataclass(frozen=True)
class Labeling:
    """A data set whose labels a teacher gives.

    Attributes:
        dataset: a file of texts, or any data set, whose own labels are not looked at.
        options: how that is read.
        teachers: a file of probabilities, or fine-tuned models, whose probabilities are averaged.
        label_names: what labels of the teacher are to be called, where that differs.
        max_length: tokens per text that a model reads.
    """

    dataset: str
    options: DataOptions
    teachers: tuple[str, ...]
    label_names: Mapping[str, str]
    max_length: int

    @property
    def name(self) -> str:
        """The data set's name without the teacher's labels."""
        marked = teacher_labels_of(self.dataset)
        return marked.dataset if marked else corpus_name(self.dataset, self.options)


def labeled_by_teacher(asked: Labeling) -> Path:
    """The folder of the data set with the teacher's labels: found, or made.

    Raises:
        UserError: if texts or teacher cannot be had, or the teacher knows no labels.
    """
    known = _known(asked)
    texts = _texts(asked, known.task)
    content = {split: content_fingerprint(rows) for split, rows in texts.items()}
    identities = [teacher_identity(source) for source in asked.teachers]
    parts = (asked.name, content, known.task, known.labels, identities, asked.label_names, asked.max_length)
    note = TeacherLabels(asked.name, ", ".join(asked.teachers), known.task, known.labels)

    def make(folder: Path) -> None:
        logger.info("labels: those of teacher %s, for %d texts", note.teacher, sum(map(len, texts.values())))
        label = _of_file if file_of(asked.teachers[0]) else _of_encoders
        found = label(asked, known, texts)
        labeled = {split: zip(rows, found[split], strict=True) for split, rows in texts.items()}
        write_teacher_labels(folder, note, labeled)

    return find_or_make(Piece(TEACHER_LABELED, fingerprint(*parts)), make)


@dataclass(frozen=True)
class _Known:
    """The task of a teacher, and its labels as the user calls them."""

    task: Task
    labels: tuple[str, ...]


def _known(asked: Labeling) -> _Known:
    source, called = asked.teachers[0], asked.label_names
    if file := file_of(source):
        task, labels = labels_in(file)
        return _Known(task, tuple(dict.fromkeys(called.get(label, label) for label in labels)))
    from kdops.models.teachers.config import load_config

    encoder = load_config(source)
    names = {int(row): str(name) for row, name in (encoder.id2label or {}).items()}
    tasks = [task for name in encoder.architectures or () for end, task in _HEADS.items() if name.endswith(end)]
    if not tasks or not names:
        raise UserError(f"teacher {source!r} has no head that was fine-tuned for labels, which labels=teacher needs")
    if encoder.problem_type == "multi_label_classification" or (tasks[0] is Task.TEXT and _of_aspects(names.values())):
        raise UserError(
            f"labels=teacher is for one label per text or word, and teacher {source!r} gives a text several of its "
            f"labels {', '.join(names.values())}"
        )
    return _Known(tasks[0], tuple(called.get(names[row], names[row]) for row in sorted(names)))


def _of_aspects(labels: Collection[str]) -> bool:
    """Whether labels are values of several aspects: a head for each of them looks like one for all."""
    counts = Counter(map(aspect_of, labels)).values()
    return all(map(value_of, labels)) and len(counts) > 1 and min(counts) > 1


def _texts(asked: Labeling, task: Task) -> Mapping[str, Texts]:
    """The texts by split; those of a file are all train, from which the others are made when it is read again."""
    if asked.options.task not in (None, task):
        raise UserError(f"task={asked.options.task}, but the teacher is for {task}")
    path = Path(asked.dataset).expanduser()
    if path.is_file() and path.suffix.lower() in _TEXT_FILES:
        if _holds_pairs(path):
            raise UserError(f"{path}: {_NO_PAIRS}")
        source = file_source(path, task, column=asked.options.text_column)
        read = [text for text in source.read() if text]
        if not read:
            raise UserError(f"{path}: no text stands in it")
        return {"train": cast(Texts, read)}
    corpus = load_corpus(asked.dataset, asked.options)
    if corpus.task is not task:
        raise UserError(f"dataset {asked.dataset!r} is for {corpus.task}, but the teacher is for {task}")
    if corpus.pairs:
        raise UserError(f"dataset {asked.dataset!r}: {_NO_PAIRS}")
    return {split: cast(Texts, corpus.inputs(split)) for split in SPLITS}


def _holds_pairs(path: Path) -> bool:
    """Whether rows of a file of texts have a second text, which would go unread."""
    columns = {task.pair_column for task in Task}
    rows = (parse_json(text, path, line) for line, text in stream_lines(path)) if path.suffix.lower() != ".txt" else ()
    return any(not columns.isdisjoint(row) for row in rows)


def _of_encoders(asked: Labeling, known: _Known, texts: Mapping[str, Texts]) -> Mapping[str, Gold]:
    from kdops.data.encoding import encode
    from kdops.models.teachers.ensemble import mean_teacher
    from kdops.models.teachers.loading import load_teacher
    from kdops.training.scoring import LabeledTexts

    task, labels, names = known.task, known.labels, asked.label_names
    teachers = [load_teacher(one, task, labels, as_is=True, label_names=names) for one in asked.teachers]
    teacher = teachers[0] if len(teachers) == 1 else mean_teacher(teachers)

    def said(rows: Texts) -> Gold:
        encoded = encode(teacher.tokenizer, rows, task, asked.max_length)
        # Of the gold labels only their number is looked at, which is that of the words.
        return LabeledTexts(encoded, rows, task, labels, teacher.pad_id).predictions(teacher.model)

    return {split: said(rows) for split, rows in texts.items()}


def _of_file(asked: Labeling, known: _Known, texts: Mapping[str, Texts]) -> Mapping[str, Gold]:
    (source,) = asked.teachers
    file = file_of(source)
    assert file is not None
    store = given_store(file, known.task, LabelNames(known.labels, asked.label_names))
    for rows in texts.values():
        absent = lacking(store, rows, len(known.labels))
        if any(absent):
            example = shown(next(compress(rows, absent)))
            raise UserError(f"teacher {source} lacks {sum(absent)} of {len(rows)} texts, {example} for one")
    return {split: likely_labels(store, rows, known.labels) for split, rows in texts.items()}
