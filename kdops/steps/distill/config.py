"""The parameters of `distill`."""

from typing import TYPE_CHECKING, Literal

from kdops.models.kinds import STUDENTS
from kdops.steps.data_config import TrainingDataConfig
from kdops.steps.parameters import parameter
from kdops.steps.teacher.config import TeacherConfig
from kdops.training.recipes import EMBEDDINGS, RECIPES, Recipe

if TYPE_CHECKING:
    from kdops.steps.student.tuning import Budget

Precision = Literal["fp32", "int8", "auto"]


class DistillConfig(TrainingDataConfig):
    """The parameters of `distill`."""

    student: Literal[*STUDENTS] = parameter("bilstm", "The student.")  # type: ignore[valid-type]
    recipe: Literal[*RECIPES] = parameter(  # type: ignore[valid-type]
        "kd-unlabeled-teacher", "What the student learns from, and where its embeddings start."
    )
    embeddings: str | None = parameter(
        None, f"Where token embeddings start: {', '.join(EMBEDDINGS)} or a vector file; auto: as the recipe says."
    )
    init: Literal["random", "teacher"] = parameter("random", "Where the layers of a BERT student start.")
    trials: int = parameter(4, "Settings to try.", ge=1)
    epochs: int = parameter(10, "Train for at most this many epochs.", ge=1)
    patience: int = parameter(3, "Stop a trial after this many epochs without a better validation score.", ge=1)
    batch_size: int = parameter(32, "Texts per step.", ge=1)
    teacher_epochs: int = parameter(10, "Train the teacher for at most this many epochs.", ge=1)
    learning_rate: float | None = parameter(
        None, "The teacher's peak learning rate; auto: as train_teacher has it. The student's is tuned.", gt=0, le=1
    )
    max_length: int = parameter(128, "Tokens per text; longer texts are cut.", ge=3)
    precision: Precision = parameter("auto", "What is registered; auto: the faster one of those that pass their gate.")
    threads: int = parameter(1, "CPU threads of each model while it is measured.", ge=1)
    seed: int = parameter(1, "Seed of everything random.", setting=False, ge=0)
    # May hold a password, so it is never logged.
    storage: str | None = parameter(
        None, "URL of the Optuna storage; auto: a file beside the runs.", setting=False, exclude=True
    )
    workers: int = parameter(1, "Trials at a time, each in a process of its own with one thread.", setting=False, ge=1)
    force: bool = parameter(False, "Do everything again, although it is finished.", setting=False)

    @property
    def budget(self) -> "Budget":
        """What may be spent on the student."""
        from kdops.steps.student.tuning import Budget
        from kdops.tracking.places import study_storage

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
        return (self.threads,) if self.precision == "fp32" else (self.threads, self.precision)

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
