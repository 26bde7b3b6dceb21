"""The parameters of `distill`."""

from typing import Literal

from pydantic import Field

from kdops.deploy.bundle import FP32
from kdops.models.kinds import STUDENTS
from kdops.steps.distill.precision import Precision
from kdops.steps.setup import TrainingDataConfig
from kdops.steps.student.tuning import Budget
from kdops.steps.teacher.config import TeacherConfig
from kdops.tracking.places import study_storage
from kdops.training.recipes import RECIPES, Recipe


class DistillConfig(TrainingDataConfig):
    """The parameters of `distill`."""

    student: Literal[*STUDENTS] = "bilstm"  # type: ignore[valid-type]
    recipe: Literal[*RECIPES] = "kd-unlabeled-teacher"  # type: ignore[valid-type]
    embeddings: str | None = None
    init: Literal["random", "teacher"] = "random"
    trials: int = Field(default=4, ge=1)
    epochs: int = Field(default=10, ge=1)
    patience: int = Field(default=3, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    teacher_epochs: int = Field(default=10, ge=1)
    max_length: int = Field(default=128, ge=3)
    precision: Precision = "auto"
    threads: int = Field(default=1, ge=1)
    seed: int = Field(default=1, ge=0)
    # May hold a password, so it is never logged.
    storage: str | None = Field(default=None, exclude=True)
    workers: int = Field(default=1, ge=1)
    force: bool = False

    @property
    def budget(self) -> Budget:
        """What may be spent on the student."""
        return Budget(
            student=self.student,
            init=self.init,
            trials=self.trials,
            epochs=self.epochs,
            patience=self.patience,
            batch_size=self.batch_size,
            seed=self.seed,
            storage=study_storage(self.storage),
            workers=self.workers,
            force=self.force,
        )

    @property
    def deployment(self) -> tuple[object, ...]:
        """What of the parameters matters after training; fp32 is what there was before one could choose."""
        return (self.threads,) if self.precision == FP32 else (self.threads, self.precision)

    @property
    def rung(self) -> Recipe:
        """The recipe, with the start of the embeddings that the user chose.

        Raises:
            UserError: if that is none there is.
        """
        recipe = RECIPES[self.recipe]
        return recipe.with_embeddings(self.embeddings) if self.embeddings else recipe

    @property
    def teacher_config(self) -> TeacherConfig:
        """How its teacher is trained; `train_teacher` with the same values makes the very same one."""
        return TeacherConfig(
            **{name: getattr(self, name) for name in TrainingDataConfig.model_fields},
            epochs=self.teacher_epochs,
            learning_rate=self.learning_rate,
            max_length=self.max_length,
            seed=self.seed,
            force=self.force,
        )
