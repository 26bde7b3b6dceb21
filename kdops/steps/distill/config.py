"""The parameters of `distill`."""

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationInfo, field_validator

from kdops.errors import UserError
from kdops.steps.data_config import TrainingDataConfig
from kdops.steps.general_distillation.config import GeneralConfig
from kdops.steps.limits import LimitsConfig
from kdops.steps.parameters import Range, parameter
from kdops.steps.teacher.config import TeacherConfig
from kdops.threads import allowed_workers
from kdops.training.recipes import AUTO, EMBEDDINGS, RECIPES, SOFT_LOSSES, STUDY_RECIPES, Recipe, recipe_for

if TYPE_CHECKING:
    from kdops.data.corpus import Corpus
    from kdops.steps.general_distillation.plan import GeneralPlan
    from kdops.steps.student.budget import Budget, Search

Precision = Literal["fp32", "int8", "auto"]
_EPOCHS, _LEAST_EPOCHS, _PATIENCE = 10, 3, 3
# A student needs thousands of steps to take over what its teacher knows, however few texts there are.
_LEAST_STEPS, _MOST_STEPS = 2_000, 20_000
_LIMITS = {"temperature": (0.1, 100.0), "gold_weight": (0.0, 1.0), "student_learning_rate": (1e-7, 1.0)}


class DistillConfig(LimitsConfig, GeneralConfig):
    """The parameters of `distill`."""

    recipe: Literal[AUTO, *RECIPES] = parameter(  # type: ignore[valid-type]
        AUTO,
        "The recipe, what the student learns from; auto: general-kd, for words and where unlabeled text is given "
        "general-kd-unlabeled, kd-unlabeled-teacher with a teacher from scratch.",
    )
    embeddings: str | None = parameter(
        None, f"Where token embeddings start: {', '.join(EMBEDDINGS)} or a vector file; auto: as the recipe says."
    )
    init: Literal["auto", "random", "teacher", "general"] = parameter(
        "auto",
        "Where the student's layers start: random, teacher (BERT students: what fits of its layers), general (general "
        "distillation); auto: as the recipe says.",
    )
    residual: bool | None = parameter(
        None,
        "Let a BiLSTM that tags words read each word's own state beside what it attends to; auto: with general "
        "distillation, not in the study's recipes.",
    )
    soft_loss: Literal[AUTO, *SOFT_LOSSES] = parameter(  # type: ignore[valid-type]
        AUTO, "The distillation loss; auto: tuning chooses."
    )
    temperature: Range | None = parameter(None, "Temperature of kl, or its range as in 1..5; auto: tuned, 1..10.")
    gold_weight: Range | None = parameter(
        None, "Share of the gold labels in the loss, or its range; auto: tuned, 0..1."
    )
    student_learning_rate: Range | None = parameter(
        None, "The student's peak learning rate, or its range; auto: tuned around what suits the student."
    )
    trials: int = parameter(4, "Settings of the student to try, and as many of its baseline.", ge=1)
    epochs: int | None = parameter(
        None,
        f"Train a trial for at most this many epochs, not the teacher; auto: {_EPOCHS}, but at least {_LEAST_STEPS:,} "
        f"steps, and at most {_MOST_STEPS:,} or {_LEAST_EPOCHS} epochs.",
        ge=1,
    )
    patience: int | None = parameter(
        None,
        "Stop a trial after this many epochs without a better validation score; auto: a third of the epochs, at "
        f"least {_PATIENCE}.",
        ge=1,
    )
    batch_size: int = parameter(32, "Texts per step.", ge=1)
    teacher_epochs: int = parameter(10, "Train the teacher for at most this many epochs.", ge=1)
    learning_rate: float | None = parameter(
        None, "The teacher's peak learning rate; auto: as train_teacher has it. The student's is tuned.", gt=0, le=1
    )
    teacher_latency_ms: float | None = parameter(
        None, "Latency per text of the teacher behind a file of probabilities; auto: left out.", gt=0
    )
    precision: Precision = parameter(
        "auto",
        "The precision that is registered; auto: the faster of those that pass their gate, of equals the smaller.",
    )
    threads: int = parameter(1, "CPU threads of each model while it is measured.", ge=1)
    cost_rounds: int = parameter(
        3,
        "Measure each model's costs in so many turns; of one turn nobody knows how steady it is.",
        setting=False,
        ge=1,
    )
    seed: int = parameter(1, "Seed of everything random.", setting=False, ge=0)
    teacher_seed: int | None = parameter(
        None,
        "Seed of the teacher, so that students of several seeds learn from the same one; auto: seed.",
        setting=False,
        ge=0,
    )
    # May hold a password, so it is never logged.
    storage: str | None = parameter(
        None, "URL of the Optuna storage; auto: a file beside the runs.", setting=False, exclude=True
    )
    workers: int | None = parameter(
        None,
        "Trials at a time, each in a process of its own with one thread; auto: one per core, or OMP_NUM_THREADS, with "
        "2 GB of memory for each. With several, which trials are pruned depends on which end first.",
        setting=False,
        ge=1,
    )
    force: bool = parameter(False, "Do everything again, although it is finished.", setting=False)

    @field_validator("temperature", "gold_weight", "student_learning_rate")
    @classmethod
    def _possible(cls, value: Range | None, info: ValidationInfo) -> Range | None:
        least, most = _LIMITS[str(info.field_name)]
        if value and not (least <= value[0] and value[1] <= most):
            raise ValueError(f"it must lie between {least:g} and {most:g}")
        return value

    @property
    def search(self) -> "Search":
        """The choices of tuning that the user fixed or bounded."""
        from kdops.steps.student.budget import Search

        return Search(
            soft_loss=None if self.soft_loss == "auto" else self.soft_loss,
            temperature=self.temperature,
            gold_weight=self.gold_weight,
            learning_rate=self.student_learning_rate,
        )

    def budget(self, rows: int) -> "Budget":
        """The budget of a student.

        Args:
            rows: the texts that it is trained on, labeled or not.
        """
        from kdops.steps.student.budget import Budget
        from kdops.tracking.places import study_storage

        epochs = self.epochs or _epochs(ceil(rows / self.batch_size))
        return Budget(
            student=self.student,
            init="teacher" if self.init == "teacher" else "random",
            residual=self.chosen_recipe.general if self.residual is None else self.residual,
            search=self.search,
            trials=self.trials,
            epochs=epochs,
            patience=self.patience or max(_PATIENCE, epochs // 3),
            batch_size=self.batch_size,
            seed=self.seed,
            storage=study_storage(self.storage),
            workers=self.workers or allowed_workers(),
            force=self.force,
        )

    @property
    def deployment(self) -> tuple[object, ...]:
        """The parameters that matter after training, as a part of the key; fp32 adds nothing to it."""
        precision = () if self.precision == "fp32" else (self.precision,)
        return (self.threads, *precision, *(() if self.teacher_latency_ms is None else (self.teacher_latency_ms,)))

    @property
    def chosen_recipe(self) -> Recipe:
        """The recipe, with the start of embeddings and layers that the user chose; it must be `resolved`.

        Raises:
            UserError: if there is no such start.
        """
        recipe = RECIPES[self.recipe]
        if self.init != "auto":
            recipe = replace(recipe, general=self.init == "general")
        return recipe.with_embeddings(self.embeddings) if self.embeddings else recipe

    def resolved(self, corpus: "Corpus") -> "DistillConfig":
        """The same with the recipe that suits the data's teacher, where none is named."""
        if self.recipe != AUTO:
            return self
        from kdops.data.unlabeled import default_source

        # The texts of other data sets bring names that the labeled ones lack; of whole texts they teach little.
        recipe = recipe_for(
            pretrained=self.encoder(corpus) is not None,
            tokens=self.teacher_file(corpus) is None,
            unlabeled=bool(self.unlabeled or (default_source(corpus) if corpus.task.of_words else corpus.unlabeled)),
        )
        return self.model_copy(update={"recipe": recipe})

    def check_used(self, corpus: "Corpus") -> None:
        """Refuse choices that have no effect on this student; the recipe must be `resolved`.

        Raises:
            UserError: naming them.
        """
        given = [
            name for name in ("soft_loss", "temperature", "gold_weight") if getattr(self, name) not in (None, "auto")
        ]
        if given and not self.chosen_recipe.distills:
            raise UserError(f"recipe={self.recipe} learns from gold labels alone: {', '.join(given)} would do nothing")
        if self.soft_loss == "mse" and self.temperature:
            raise UserError("soft_loss=mse has no temperature: it would do nothing; soft_loss=kl has")
        if self.general_encoder and not self.chosen_recipe.general:
            raise UserError(f"recipe={self.recipe} has no general distillation: general_encoder would do nothing")
        if not self._own_vocabulary(corpus):
            self.check_vocabulary(f"recipe={self.recipe}, vocabulary={self.vocabulary} takes the teacher's tokens")

    def _own_vocabulary(self, corpus: "Corpus") -> bool:
        without = self.chosen_recipe.general or self.teacher_file(corpus) is not None
        return self.vocabulary == "own" or (self.vocabulary == "auto" and without)

    def general_plan(self, corpus: "Corpus") -> "GeneralPlan | None":
        """The plan of the student's vocabulary and its general distillation; None: neither is wanted.

        Raises:
            UserError: if choices exclude each other, or texts cannot be had.
        """
        recipe, own = self.chosen_recipe, self._own_vocabulary(corpus)
        if recipe.general and self.encoder(corpus) is None:
            what = "a file of probabilities" if self.teacher_file(corpus) else "a teacher from scratch"
            raise UserError(
                f"recipe={self.recipe}, init={self.init}: {what} has no pre-trained encoder to learn token states "
                f"from; name one by general_encoder, or choose one of the recipes {', '.join(STUDY_RECIPES)}"
            )
        if self.teacher_file(corpus) and (not own or self.init == "teacher" or recipe.embeddings == "teacher"):
            raise UserError(
                f"recipe={self.recipe}, vocabulary={self.vocabulary}, init={self.init}: a file of probabilities has "
                "neither tokens nor weights that a student could start from"
            )
        if own and (self.init == "teacher" or recipe.embeddings == "teacher"):
            raise UserError("init=teacher and embeddings=teacher need the teacher's tokens: vocabulary=teacher")
        return self.plan(corpus, own=own) if own or recipe.general else None

    @property
    def teacher_config(self) -> TeacherConfig:
        """How its teacher is trained; `train_teacher` with the same values makes the very same one."""
        return TeacherConfig(
            **{name: getattr(self, name) for name in TrainingDataConfig.model_fields},
            epochs=self.teacher_epochs,
            learning_rate=self.learning_rate,
            seed=self.seed if self.teacher_seed is None else self.teacher_seed,
            force=self.force,
        )


def _epochs(steps_per_epoch: int) -> int:
    """The epochs of a trial where nobody names them."""
    most = max(_LEAST_EPOCHS, _MOST_STEPS // steps_per_epoch)
    return min(max(_EPOCHS, ceil(_LEAST_STEPS / steps_per_epoch)), most)
