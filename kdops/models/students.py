"""The students by name."""

from torch import nn

from kdops.models.bilstm import BiLSTM
from kdops.task import Task

STUDENTS = ("bilstm",)


def build_student(name: str, vocabulary_size: int, classes: int, task: Task) -> nn.Module:
    """A freshly initialised student, one of `STUDENTS`."""
    match name:
        case "bilstm":
            return BiLSTM(vocabulary_size, classes, task)
    raise ValueError(f"no student is called {name!r}")


def embedding_table(student: nn.Module) -> nn.Embedding:
    """The student's table of token embeddings, (vocabulary_size, embedding_size)."""
    table = student.get_submodule("embedding")
    assert isinstance(table, nn.Embedding)
    return table


def parameter_counts(student: nn.Module) -> tuple[int, int]:
    """Number of weights, with and without the table of token embeddings."""
    total = sum(parameter.numel() for parameter in student.parameters())
    return total, total - embedding_table(student).weight.numel()
