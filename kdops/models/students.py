"""The students by name: made, checked, counted."""

from typing import Any

from torch import nn

from kdops.errors import UserError, unknown
from kdops.models.bert import MAX_LENGTH, BertStudent
from kdops.models.bilstm import BiLSTM
from kdops.models.cnn import CNN
from kdops.models.kinds import BERT_STUDENTS, KINDS, STUDENTS
from kdops.models.student import Student
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
        vocabulary_size: number of its pieces.
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
    if name in KINDS and (shape := KINDS[name].bert):
        return BertStudent(vocabulary_size, classes, task, shape, **settings)
    raise unknown("student", name, STUDENTS)


def check_student(name: str, max_length: int, *, from_teacher: bool = False) -> None:
    """Find out before any training whether a student can be made as asked.

    Args:
        name: of the student.
        max_length: tokens of its longest text.
        from_teacher: whether its layers are to start from the teacher's.

    Raises:
        UserError: if there is no such student, it cannot read texts so long, or it has no layers like a teacher's.
    """
    if name not in STUDENTS:
        raise unknown("student", name, STUDENTS)
    if name in BERT_STUDENTS and max_length > MAX_LENGTH:
        raise UserError(f"max_length={max_length} is too long for {name}: it reads at most {MAX_LENGTH} tokens")
    if from_teacher and name not in BERT_STUDENTS:
        raise UserError(
            f"init=teacher is for {', '.join(BERT_STUDENTS)}; {name} can start from the teacher's embeddings only"
        )


def embedding_table(student: nn.Module) -> nn.Embedding:
    """The student's table of token embeddings, (vocabulary_size, embedding_size)."""
    name = "encoder.embeddings.word_embeddings" if isinstance(student, BertStudent) else "embedding"
    table = student.get_submodule(name)
    assert isinstance(table, nn.Embedding)
    return table


def parameter_counts(student: nn.Module) -> tuple[int, int]:
    """Number of weights, with and without the table of token embeddings."""
    total = sum(parameter.numel() for parameter in student.parameters())
    return total, total - embedding_table(student).weight.numel()
