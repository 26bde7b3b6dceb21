"""The parameters of a student's vocabulary and its general distillation, and those of `pretrain_student`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kdops.data.catalog.card import SCRATCH
from kdops.errors import UserError
from kdops.models.student_kinds import STUDENTS
from kdops.steps.data_config import TrainingDataConfig
from kdops.steps.parameters import AUTO, Names, parameter

if TYPE_CHECKING:
    from kdops.data.corpus import Corpus
    from kdops.steps.general_distillation.plan import GeneralPlan

Case = Literal["auto", "lower", "keep"]
_VOCABULARY, _LEAST_VOCABULARY = 8_000, 100


class GeneralConfig(TrainingDataConfig):
    """The parameters of a student before it learns its task."""

    student: Literal[*STUDENTS] = parameter("bilstm", "The student.")  # type: ignore[valid-type]
    vocabulary: Literal["auto", "own", "teacher"] = parameter(
        "auto",
        "The student's tokens: own (trained on its texts) or teacher (the teacher's, trimmed); auto: own with general "
        "distillation.",
    )
    vocabulary_size: int = parameter(_VOCABULARY, "Tokens of an own vocabulary.", ge=_LEAST_VOCABULARY)
    vocabulary_case: Case = parameter(
        "auto", "Whether an own vocabulary is in lower case; auto: lower for texts, keep for tags."
    )
    general_texts: Names = parameter(
        (),
        "Texts that general distillation reads beside the training texts, separated by commas: .jsonl or .txt files, "
        "catalogue; auto: the catalogue's for its own data sets, else unlabeled.jsonl beside the data.",
        shown=AUTO,
    )
    general_encoder: str | None = parameter(
        None,
        "Encoder that general distillation learns from, a hub id or a folder; auto: the teacher, the first of several.",
    )
    general_epochs: int = parameter(3, "Epochs of general distillation.", ge=1)

    def encoder(self, corpus: "Corpus") -> str | None:
        """The encoder that general distillation learns from; None: the teacher is none, and no other is named."""
        teacher = None if self.source(corpus) == SCRATCH or self.teacher_file(corpus) else self.source(corpus)
        return self.general_encoder or teacher

    def check_vocabulary(self, reason: str) -> None:
        """Refuse choices about an own vocabulary where there is none.

        Args:
            reason: why there is none.

        Raises:
            UserError: naming them.
        """
        usual = {"vocabulary_size": _VOCABULARY, "vocabulary_case": "auto"}
        if given := [name for name, value in usual.items() if getattr(self, name) != value]:
            raise UserError(f"{reason}: {', '.join(given)} would do nothing")

    def plan(self, corpus: "Corpus", *, own: bool) -> "GeneralPlan":
        """The plan of the student's vocabulary and its general distillation.

        Args:
            corpus: the data set.
            own: whether the vocabulary is trained on the texts.

        Raises:
            UserError: if texts cannot be had.
        """
        if not own:
            if self.general_encoder:
                raise UserError("general_encoder needs vocabulary=own: the teacher's tokens are not that encoder's")
            self.check_vocabulary(f"vocabulary={self.vocabulary} takes the encoder's tokens")
        from kdops.data.general_texts import general_texts
        from kdops.steps.general_distillation.plan import GeneralPlan, VocabularySpec
        from kdops.training.values import GeneralConfig as GeneralTraining

        lowercase = not corpus.task.of_words if self.vocabulary_case == "auto" else self.vocabulary_case == "lower"
        unlabeled = self.unlabeled if self.unlabeled and Path(self.unlabeled).expanduser().is_file() else None
        return GeneralPlan(
            texts=general_texts(corpus, [*self.general_texts, *([unlabeled] if unlabeled else [])]),
            vocabulary=VocabularySpec(own, self.vocabulary_size if own else 0, lowercase and own),
            encoder=self.encoder(corpus) or SCRATCH,
            training=GeneralTraining(self.student, epochs=self.general_epochs, max_length=self.max_length),
        )


class PretrainConfig(GeneralConfig):
    """The parameters of `pretrain_student`."""

    force: bool = parameter(False, "Do it again, although it is finished.", setting=False)

    def plan_of(self, corpus: "Corpus") -> "GeneralPlan":
        """The plan of the general student.

        Raises:
            UserError: if the data set's teacher is from scratch, or texts cannot be had.
        """
        if self.encoder(corpus) is None:
            raise UserError(f"teacher={self.source(corpus)} has no pre-trained encoder; name one by general_encoder")
        return self.plan(corpus, own=self.vocabulary != "teacher")
