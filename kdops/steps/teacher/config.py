"""The parameters of `train_teacher`."""

from pydantic import Field

from kdops.models.teacher import SCRATCH
from kdops.steps.setup import TrainingDataConfig
from kdops.training.loop import LoopConfig

_SCRATCH_LEARNING_RATE = 5e-4
_LEARNING_RATE = 5e-5


class TeacherConfig(TrainingDataConfig):
    """How a teacher is trained, and on what."""

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    max_length: int = Field(default=128, ge=3)
    seed: int = Field(default=1, ge=0)
    force: bool = False

    def loop(self, source: str) -> LoopConfig:
        """How a teacher that starts from `source` is trained."""
        usual = _SCRATCH_LEARNING_RATE if source == SCRATCH else _LEARNING_RATE
        return LoopConfig(
            epochs=self.epochs,
            learning_rate=self.learning_rate or usual,
            batch_size=self.batch_size,
            seed=self.seed,
        )
