"""The parameters of a student's vocabulary and its general distillation, and those of `pretrain_student`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kdops.errors import UserError
from kdops.models.kinds import STUDENTS
from kdops.steps.data_config import TrainingDataConfig
from kdops.steps.parameters import AUTO, Names, parameter

if TYPE_CHECKING:
    from kdops.data.corpus import Corpus
    from kdops.steps.general.plan import GeneralPlan

Case = Literal["auto", "lower", "keep"]
_LEAST_VOCABULARY = 100


class GeneralConfig(TrainingDataConfig):
    """The parameters of a student before it learns its task."""

    student: Literal[*STUDENTS] = parameter("bilstm", "The student.")  # type: ignore[valid-type]
    vocabulary: Literal["auto", "own", "teacher"] = parameter(
        "auto",
        "The student's tokens: own (trained on its texts) or teacher (the teacher's, trimmed); auto: own with general "
        "distillation.",
    )
    vocabulary_size: int = parameter(8_000, "Tokens of an own vocabulary.", ge=_LEAST_VOCABULARY)
    vocabulary_case: Case = parameter(
        "auto", "Whether an own vocabulary is in lower case; auto: lower for texts, keep for tags."
    )
    general_texts: Names = parameter(
        (),
        "Texts that general distillation reads beside the training texts, separated by commas: .jsonl or .txt files, "
        "catalogue; auto: the catalogue's for its own data sets, else unlabeled.jsonl beside the data.",
        shown=AUTO,
    )
    general_epochs: int = parameter(3, "Epochs of general distillation.", ge=1)
    max_length: int = parameter(128, "Tokens per text; longer texts are cut.", ge=3)

    def plan(self, corpus: "Corpus", *, own: bool) -> "GeneralPlan":
        """The plan of the student's vocabulary and its general distillation.

        Args:
            corpus: the data set.
            own: whether the vocabulary is trained on the texts.

        Raises:
            UserError: if texts cannot be had.
        """
        from kdops.data.general_texts import general_texts
        from kdops.steps.general.plan import GeneralPlan, VocabularySpec
        from kdops.training.general import GeneralConfig as GeneralTraining

        lowercase = not corpus.task.of_words if self.vocabulary_case == "auto" else self.vocabulary_case == "lower"
        unlabeled = self.unlabeled if self.unlabeled and Path(self.unlabeled).expanduser().is_file() else None
        return GeneralPlan(
            texts=general_texts(corpus, [*self.general_texts, *([unlabeled] if unlabeled else [])]),
            vocabulary=VocabularySpec(own, self.vocabulary_size if own else 0, lowercase and own),
            encoder=self.source(corpus),
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
        from kdops.data.catalog.card import SCRATCH

        if self.source(corpus) == SCRATCH:
            raise UserError("teacher=scratch has no pre-trained encoder; name one by teacher=<hub id or folder>")
        return self.plan(corpus, own=self.vocabulary != "teacher")
