"""The kinds of student: name, size, and the setting that tuning starts from. Light enough for `--help`."""

from dataclasses import dataclass

from kdops.errors import UserError, unknown


@dataclass(frozen=True)
class BertShape:
    """Size of a BERT; the feed-forward layers are four times as wide as the rest.

    Attributes:
        layers: Transformer layers.
        width: hidden size.
        heads: attention heads per layer.
    """

    layers: int
    width: int
    heads: int


@dataclass(frozen=True)
class FirstSetting:
    """The setting that tuning a student starts from: its peak learning rate and its dropout."""

    learning_rate: float
    dropout: float


@dataclass(frozen=True)
class Kind:
    """A student before there is any data.

    Attributes:
        first: the setting that suits it before anything is known of the data: larger students need smaller steps.
        general_rate: peak learning rate of its general distillation.
        bert: its shape, if it is a BERT.
    """

    first: FirstSetting
    general_rate: float
    bert: BertShape | None = None


KINDS = {
    "bilstm": Kind(FirstSetting(3e-3, 0.3), 3e-3),
    "cnn": Kind(FirstSetting(1e-3, 0.3), 2e-3),
    "bert-tiny": Kind(FirstSetting(1e-3, 0.1), 1e-3, BertShape(layers=2, width=128, heads=2)),
    "bert-mini": Kind(FirstSetting(5e-4, 0.1), 7e-4, BertShape(layers=4, width=256, heads=4)),
    "bert-small": Kind(FirstSetting(3e-4, 0.1), 5e-4, BertShape(layers=4, width=512, heads=8)),
    "bag": Kind(FirstSetting(3e-3, 0.3), 5e-3),
}
STUDENTS = tuple(KINDS)
BERT_STUDENTS = tuple(name for name, kind in KINDS.items() if kind.bert)
STUDY_STUDENTS = ("bilstm", "cnn", *BERT_STUDENTS)
"""Those of arXiv:2201.00558."""
LONGEST_BERT = 512
"""Positions that BERT students have embeddings for, as every published BERT."""


def check_student(name: str, max_length: int, *, from_teacher: bool = False) -> None:
    """Check before any training that a student can be made with these choices.

    Args:
        name: of the student.
        max_length: tokens of its longest text.
        from_teacher: whether its layers are to start from the teacher's.

    Raises:
        UserError: if there is no such student, it cannot read texts so long, or it has no layers like a teacher's.
    """
    if name not in STUDENTS:
        raise unknown("student", name, STUDENTS)
    if name in BERT_STUDENTS and max_length > LONGEST_BERT:
        raise UserError(f"max_length={max_length} is too long for {name}: it reads at most {LONGEST_BERT} tokens")
    if from_teacher and name not in BERT_STUDENTS:
        raise UserError(
            f"init=teacher is for {', '.join(BERT_STUDENTS)}; {name} can start from the teacher's embeddings only"
        )
