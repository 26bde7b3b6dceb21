"""The parameters of `train_teacher`."""

from typing import TYPE_CHECKING

from kdops.steps.data_config import TrainingDataConfig
from kdops.steps.parameters import parameter

if TYPE_CHECKING:
    from kdops.data.corpus import Corpus
    from kdops.training.values import LoopConfig

_SCRATCH_LEARNING_RATE = 5e-4
_LEARNING_RATE = 5e-5
_SCRATCH_AVERAGING = 0.99
_HEAD_FACTOR = 10.0
"""How many times faster a new head learns: at the encoder's small rate it would take epochs to learn anything."""


class TeacherConfig(TrainingDataConfig):
    """The parameters of `train_teacher`."""

    epochs: int = parameter(10, "Train for at most this many epochs.", ge=1)
    batch_size: int = parameter(16, "Texts per step.", ge=1)
    learning_rate: float | None = parameter(
        None, f"Peak learning rate; auto: {_LEARNING_RATE:g}, from scratch {_SCRATCH_LEARNING_RATE:g}.", gt=0, le=1
    )
    seed: int = parameter(1, "Seed of everything random.", setting=False, ge=0)
    force: bool = parameter(False, "Do everything again, although it is finished.", setting=False)

    def members(self, corpus: "Corpus") -> "tuple[TeacherConfig, ...]":
        """The configuration of each teacher that teaches; of one, if there is only one."""
        seeds = range(self.seed, self.seed + (self.teacher_seeds if self.teacher_mode == "train" else 1))
        return tuple(
            self.model_copy(update={"teacher": source, "seed": seed, "teacher_seeds": 1})
            for source in self.sources(corpus)
            for seed in seeds
        )

    def loop(self, source: str) -> "LoopConfig":
        """How a teacher that starts from `source` is trained."""
        from kdops.models.teachers.sources import SCRATCH
        from kdops.training.values import LoopConfig

        usual = _SCRATCH_LEARNING_RATE if source == SCRATCH else _LEARNING_RATE
        return LoopConfig(
            epochs=self.epochs,
            learning_rate=self.learning_rate or usual,
            batch_size=self.batch_size,
            averaging=_SCRATCH_AVERAGING if source == SCRATCH else 0.0,
            seed=self.seed,
            head_factor=1.0 if source == SCRATCH else _HEAD_FACTOR,
        )
