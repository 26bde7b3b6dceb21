"""The training budget of a student, and the fixed part of its tuning."""

from dataclasses import asdict, dataclass, replace

from kdops.steps.parameters import Range
from kdops.training.recipes import SoftLoss


@dataclass(frozen=True)
class Search:
    """The choices of tuning that are fixed or bounded; None: it is free.

    Attributes:
        soft_loss: the distillation loss.
        temperature: least and most.
        gold_weight: least and most.
        learning_rate: least and most.
    """

    soft_loss: SoftLoss | None = None
    temperature: Range | None = None
    gold_weight: Range | None = None
    learning_rate: Range | None = None


@dataclass(frozen=True)
class Budget:
    """The budget of a student.

    Attributes:
        student: which one.
        init: where the layers of a BERT student start, `random` or `teacher`.
        residual: whether a BiLSTM's classifier reads a position's own state beside what it attends to.
        search: the settings that are fixed or bounded.
        trials: settings to try.
        epochs: most passes over its training rows.
        patience: passes without a better validation score before a trial stops, and before it may be pruned.
        batch_size: texts per step.
        seed: of everything random.
        storage: the Optuna storage.
        workers: trials at a time, each in a process of its own; 1: all in this one.
        force: forget the trials there are.
    """

    student: str
    init: str
    residual: bool
    search: Search
    trials: int
    epochs: int
    patience: int
    batch_size: int
    seed: int
    storage: str
    workers: int
    force: bool

    @property
    def described(self) -> dict[str, object]:
        """The fields that may be logged; the address of the storage may hold a password."""
        return {name: value for name, value in asdict(self).items() if name not in ("storage", "search")}

    def over_fewer_rows(self, times: int) -> "Budget":
        """The same number of training steps, over a training set so many times smaller."""
        return replace(self, epochs=self.epochs * times, patience=self.patience * times)
