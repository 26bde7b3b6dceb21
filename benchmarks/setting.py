"""The common ground of a benchmark's contestants: a data set, a teacher that is trained out, a student's start."""

import json
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

from kdops.data.corpus import Corpus, load_corpus
from kdops.data.encoding import Encoded, encode
from kdops.data.vocabulary import Vocabulary, trim
from kdops.models.build import build_student
from kdops.models.student_kinds import KINDS
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.model import Teacher, TeacherModel
from kdops.task import Task
from kdops.training.batches import TrainingSet
from kdops.training.scoring import LabeledTexts, labeled_texts, training_labels
from kdops.training.stored_logits import StoredLogits, text_keys
from kdops.training.teacher_logits import Question, teacher_logits

_TRAINING_ROWS_PER_OTHER = 4


@dataclass(frozen=True)
class Setting:
    """The same for all contestants.

    Attributes:
        dataset: folder or name of a text classification data set.
        teacher: folder of a fine-tuned teacher.
        encoder: name or folder of what it was made of, which some peers are made of too.
        teacher_s: CPU seconds of its fine-tuning; NaN if that was done elsewhere.
        epochs: passes over the training rows.
        batch_size: texts per step.
        max_length: most tokens per text.
        seed: of everything random.
    """

    dataset: str
    teacher: str
    encoder: str = ""
    teacher_s: float = math.nan
    epochs: int = 5
    batch_size: int = 32
    max_length: int = 128
    seed: int = 1


class PlainTeacher(TeacherModel):
    """A teacher as transformers makes it, without what kdops leaves out."""

    def __init__(self, source: str) -> None:
        nn.Module.__init__(self)
        self.encoder = AutoModelForSequenceClassification.from_pretrained(source, trust_remote_code=False)


class Classroom:
    """A setting, loaded into a process: everything that is made before the clock starts.

    Args:
        setting: what is loaded.
        plain_teacher: whether the teacher is as others use it.
        trimmed: whether the student's vocabulary is that of the training text; else it is the teacher's.
    """

    def __init__(self, setting: Setting, *, plain_teacher: bool = False, trimmed: bool = True) -> None:
        self.setting = setting
        self.corpus: Corpus = load_corpus(setting.dataset)
        self.teacher: Teacher = load_teacher(setting.teacher, self.corpus.task, self.corpus.labels)
        if plain_teacher:
            self.teacher = replace(self.teacher, model=PlainTeacher(setting.teacher))
        self.teacher.model.eval()
        self.encoded: Encoded = encode(
            self.teacher.tokenizer, self.corpus.inputs("train"), self.corpus.task, setting.max_length
        )
        tokenizer = self.teacher.tokenizer
        used = self.encoded.used_ids() if trimmed else np.arange(tokenizer.get_vocab_size())
        self.vocabulary: Vocabulary = trim(tokenizer, used)

    @cached_property
    def students_encoded(self) -> Encoded:
        """The training rows in the student's tokens."""
        return self.encoded.remapped(self.vocabulary.from_teacher)

    @property
    def pad_id(self) -> int:
        """Padding in the student's tokens."""
        return int(self.vocabulary.from_teacher[self.teacher.pad_id])

    @cached_property
    def labels(self) -> np.ndarray:
        """The gold label of each training row, int64."""
        return training_labels(self.corpus, self.encoded)

    @cached_property
    def validation(self) -> LabeledTexts:
        """The split that every contestant is scored on after each epoch."""
        return labeled_texts(self.corpus, "validation", self.vocabulary.tokenizer, self.pad_id, self.setting.max_length)

    def new_student(self, name: str) -> nn.Module:
        """The student as every contestant begins with it."""
        torch.manual_seed(self.setting.seed)
        classes, dropout = len(self.corpus.labels), KINDS[name].first.dropout
        return build_student(name, self.vocabulary.size, classes, self.corpus.task, dropout=dropout)

    def logits(self, store: Path) -> StoredLogits:
        """The teacher's logits, by way of a store; what it lacks is computed."""
        keys = text_keys(self.corpus.inputs("train"))
        return stored_logits(store, self.teacher, self.encoded, keys, len(self.corpus.labels))

    def training(self, logits: StoredLogits) -> TrainingSet:
        """Rows, labels and teacher logits for kdops' own loop."""
        return TrainingSet(self.students_encoded, self.labels, logits)

    def forget_teacher(self) -> None:
        """Free its weights, for contestants that need it no more."""
        del self.teacher


def of_bert_base(setting: Setting, folder: Path) -> Setting:
    """The same with a new teacher of BERT-base's shape, 12 layers of 768, which is as slow as a trained one."""
    labels = load_corpus(setting.dataset).labels
    teacher = load_teacher(setting.teacher, Task.TEXT, labels)
    tokens, names = teacher.tokenizer.get_vocab_size(), dict(enumerate(labels))
    encoder = BertForSequenceClassification(BertConfig(vocab_size=tokens, id2label=names))
    replace(teacher, model=TeacherModel(encoder)).save(folder)
    return replace(setting, teacher=str(folder))


def part_of(dataset: str, rows: int, folder: Path) -> str:
    """A data set of at most so many training rows, and a quarter as many of the others, as files of its own.

    Returns:
        The folder; the name itself if all rows are wanted.

    Raises:
        ValueError: for a data set that is not for text classification.
    """
    corpus = load_corpus(dataset)
    if corpus.task is not Task.TEXT:
        raise ValueError(f"{dataset} is not a data set for text classification")
    if rows >= len(corpus.rows["train"]):
        return dataset
    target = folder / f"{corpus.name}-{rows}"
    target.mkdir(parents=True, exist_ok=True)
    for split, data in corpus.rows.items():
        most = rows if split == "train" else rows // _TRAINING_ROWS_PER_OTHER
        order = np.random.default_rng(1).permutation(len(data))[:most]
        texts, gold = corpus.inputs(split), corpus.gold(split)
        lines = [json.dumps({"text": texts[row], "label": gold[row]}, ensure_ascii=False) for row in order]
        (target / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(target)


def stored_logits(store: Path, teacher: Teacher, encoded: Encoded, keys: np.ndarray, classes: int) -> StoredLogits:
    """The logits of texts that are in the teacher's tokens already, by way of a store."""
    return teacher_logits(
        store, keys, classes, lambda rows: Question(teacher.model, encoded.take(rows), teacher.pad_id)
    )
