"""The results of training a teacher."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from kdops import number_text
from kdops.models.teachers.sources import SCRATCH, member_sources, teacher_identity
from kdops.task import Task
from kdops.tracking.recorder import score_metrics
from kdops.training.values import Fit, ModelScores, Thresholds
from kdops.workspace import load_result

if TYPE_CHECKING:
    from kdops.models.teachers.model import Teacher

MODEL = "model"
"""The folder of a trained teacher's weights and tokenizer, in Hugging Face form."""
GIVEN = "given"
"""The store of the logits of a teacher that is a file of probabilities."""


@dataclass(frozen=True)
class TeacherKeys:
    """The keys that stand for a teacher in its students' keys, whether it is trained yet or not.

    Attributes:
        work: the key of the trained teacher.
        tokenizer: the key of its tokenizer only.
    """

    work: str
    tokenizer: str

    @classmethod
    def of(cls, work: str, source: str) -> "TeacherKeys":
        """The keys of a teacher that starts from `source`; one from scratch has a tokenizer of its own."""
        return cls(work, work if source == SCRATCH else teacher_identity(source))


@dataclass(frozen=True)
class TeacherFacts:
    """All that is kept of a trained teacher beside its files.

    Attributes:
        source: what it started from.
        weights: stands for its weights and tokenizer.
        task: what it predicts.
        labels: in the order of its classes.
        max_length: tokens that it was trained to read.
        pad_id: its padding token.
        scores: of the validation and the test split.
        fit: how training went.
        texts: different texts of the file of probabilities that it is; None: it is an encoder.
        thresholds: the least probability at which it predicts each label; empty where labels exclude each other.
        pairs: whether it reads pairs.
        float32_only: whether it never multiplies in bfloat16, because it cannot or is not to.
    """

    source: str
    weights: str
    task: Task
    labels: tuple[str, ...]
    max_length: int
    pad_id: int
    scores: ModelScores
    fit: Fit
    texts: int | None = None
    thresholds: Thresholds = ()
    pairs: bool = False
    float32_only: bool = False


@dataclass(frozen=True)
class TrainedTeacher:
    """A teacher on this machine: a trained encoder, whose weights are loaded when somebody asks for them, or a file.

    Attributes:
        folder: where its files are.
        keys: its keys.
        facts: its facts.
        run_id: the run that trained it; empty where nothing is recorded.
        reused: whether it was there already.
    """

    folder: Path
    keys: TeacherKeys
    facts: TeacherFacts
    run_id: str
    reused: bool

    @classmethod
    def load(cls, folder: Path, keys: TeacherKeys, run_id: str, *, reused: bool) -> "TrainedTeacher":
        """The teacher whose files are in a folder of the workspace."""
        return cls(folder, keys, load_result(folder, TeacherFacts), run_id, reused)

    @property
    def is_file(self) -> bool:
        """Whether it is a file of probabilities, which has neither weights nor tokenizer nor costs."""
        return self.facts.texts is not None

    @cached_property
    def model(self) -> "Teacher":
        """Its weights and its tokenizer, on the CPU."""
        from kdops.models.teachers.loading import load_teacher

        facts = self.facts
        teacher = load_teacher(str(self.folder / MODEL), facts.task, facts.labels, brought=False, pairs=facts.pairs)
        teacher.model.float32_only |= facts.float32_only
        return teacher

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Its tokenizer, without its weights."""
        from kdops.models.teachers.tokenizers import load_tokenizer

        return load_tokenizer(Path(member_sources(str(self.folder / MODEL))[0]))

    def __str__(self) -> str:
        lines = [
            f"{name:24} {number_text.score(value)}" for name, value in sorted(score_metrics(self.facts.scores).items())
        ]
        return "\n".join([*lines, f"run: {self.run_id}{' (reused)' if self.reused else ''}"])
