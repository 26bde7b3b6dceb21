"""Students made by name, and their numbers of weights."""

from typing import Any

from torch import nn

from kdops.errors import unknown
from kdops.models.bag import Bag
from kdops.models.base import Student
from kdops.models.bilstm import BiLSTM
from kdops.models.cnn import CNN
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

    Raises:
        UserError: if no student has this name.
    """
    settings: dict[str, Any] = {} if dropout is None else {"dropout": dropout}
    if name == "bilstm":
        return BiLSTM(vocabulary_size, classes, task, residual=residual, **settings)
    if name == "cnn":
        return CNN(vocabulary_size, classes, task, **settings)
    if name == "bag":
        return Bag(vocabulary_size, classes, task, **settings)
    if name in KINDS and (shape := KINDS[name].bert):
        from kdops.models.bert import BertStudent

        return BertStudent(vocabulary_size, classes, task, shape, **settings)
    raise unknown("student", name, STUDENTS)


def embedding_table(student: Student) -> nn.Embedding:
    """The student's table of token embeddings, (vocabulary_size, embedding_size)."""
    table = student.get_submodule(student.table)
    assert isinstance(table, nn.Embedding)
    return table


def parameter_counts(student: Student) -> tuple[int, int]:
    """Number of weights, with and without the table of token embeddings."""
    total = sum(parameter.numel() for parameter in student.parameters())
    return total, total - embedding_table(student).weight.numel()
