"""Students made by name, and their numbers of weights."""

from typing import Any

from torch import nn

from kdops.errors import unknown
from kdops.models.bag import Bag
from kdops.models.base import Student
from kdops.models.bilstm import BiLSTM
from kdops.models.cnn import CNN
from kdops.models.pairs import PairStudent
from kdops.models.student_kinds import KINDS, STUDENTS
from kdops.task import Task


def build_student(
    name: str,
    vocabulary_size: int,
    classes: int,
    task: Task,
    *,
    dropout: float | None = None,
    residual: bool = False,
    separator_id: int | None = None,
) -> Student:
    """A freshly initialised student.

    Args:
        name: one of `STUDENTS`.
        vocabulary_size: number of its tokens.
        classes: number of labels.
        task: what it predicts.
        dropout: share of the activations that training drops; None for the student's own default.
        residual: for the BiLSTM as a tagger, whether its classifier reads a position's own state beside what it attends
            to; the others have residual connections anyway.
        separator_id: the token between the two texts of a pair, which are then read one by one; BERT students read a
            pair as one text all the same.

    Raises:
        UserError: if no student has this name.
    """
    settings: dict[str, Any] = {} if dropout is None else {"dropout": dropout}
    if name in KINDS and (shape := KINDS[name].bert):
        from kdops.models.bert import BertStudent

        return BertStudent(vocabulary_size, classes, task, shape, **settings)
    reader: Student
    if name == "bilstm":
        reader = BiLSTM(vocabulary_size, classes, task, residual=residual, **settings)
    elif name == "cnn":
        reader = CNN(vocabulary_size, classes, task, **settings)
    elif name == "bag":
        reader = Bag(vocabulary_size, classes, task, **settings)
    else:
        raise unknown("student", name, STUDENTS)
    return reader if separator_id is None else PairStudent(reader, classes, separator_id)


def embedding_table(student: Student) -> nn.Embedding:
    """The student's table of token embeddings, (vocabulary_size, embedding_size)."""
    table = student.get_submodule(student.table)
    assert isinstance(table, nn.Embedding)
    return table


def parameter_counts(student: Student) -> tuple[int, int]:
    """Number of weights, with and without the table of token embeddings."""
    total = sum(parameter.numel() for parameter in student.parameters())
    return total, total - embedding_table(student).weight.numel()
