"""Settings and results of training, as plain values that need neither PyTorch nor a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from kdops.metrics import Gold
from kdops.models.student_kinds import KINDS

if TYPE_CHECKING:
    from kdops.data.corpus import Corpus

Thresholds = tuple[float, ...]
"""The probability from which on each label is predicted; empty where labels exclude each other."""


@dataclass(frozen=True)
class LoopConfig:
    """How long and how fast to train.

    Attributes:
        epochs: most passes over the training set.
        learning_rate: peak of the linear schedule.
        batch_size: texts per step.
        warmup_share: share of all steps in which the learning rate rises.
        weight_decay: AdamW's decoupled decay.
        max_gradient_norm: gradients are clipped to this norm.
        averaging: decay per step of the moving average of the weights, which is scored and kept; 0: no average.
        patience: epochs without a better validation score after which training stops.
        seed: fixes the order of batches, dropout and new weights.
        head_factor: how many times faster than the rest the weights learn that `fit` calls the head.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 32
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    averaging: float = 0.0
    patience: int = 3
    seed: int = 1
    head_factor: float = 1.0


@dataclass(frozen=True)
class GeneralConfig:
    """How a general student is trained.

    Attributes:
        student: its kind.
        epochs: passes over the texts.
        learning_rate: peak of the linear schedule; None for what suits the kind.
        batch_size: texts per step.
        max_length: most tokens of a text that the student reads.
        dropout: share of the student's activations that training drops.
        averaging: decay per step of the moving average of the weights.
        held_out_share: share of the texts that are not trained on, for the losses that are reported; 2,000 at most.
        seed: of everything random.
    """

    student: str
    epochs: int = 3
    learning_rate: float | None = None
    batch_size: int = 64
    max_length: int = 128
    dropout: float = 0.0
    averaging: float = 0.999
    held_out_share: float = 0.02
    seed: int = 1

    @property
    def loop(self) -> LoopConfig:
        """The settings of its training loop."""
        return LoopConfig(
            epochs=self.epochs,
            learning_rate=self.learning_rate or KINDS[self.student].general_rate,
            batch_size=self.batch_size,
            averaging=self.averaging,
            patience=self.epochs,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Epoch:
    """The result of an epoch: mean training losses by term, validation scores, seconds."""

    number: int
    losses: Mapping[str, float]
    scores: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class Fit:
    """How training went; the model holds the weights of the best epoch."""

    best_score: float
    best_epoch: int
    history: tuple[Epoch, ...]


@dataclass(frozen=True)
class ModelScores:
    """The scores of a finished model; the test split is used for this alone, once.

    Attributes:
        validation: every metric of the task by name; empty if a prediction is missing for some text.
        test: the same.
        validation_labels: what it predicts for validation: a label for each text, or the tags of each sentence.
        test_labels: the same for test.
    """

    validation: Mapping[str, float]
    test: Mapping[str, float]
    validation_labels: tuple[str, ...] | tuple[tuple[str, ...], ...]
    test_labels: tuple[str, ...] | tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, corpus: "Corpus", validation: Gold, test: Gold) -> "ModelScores":
        """The scores of the labels that a model predicts for validation and for test; no labels have no scores."""

        def scores(split: str, predicted: Gold) -> dict[str, float]:
            return corpus.score(split, predicted) if predicted else {}

        return cls(
            validation=scores("validation", validation),
            test=scores("test", test),
            validation_labels=_frozen(validation),
            test_labels=_frozen(test),
        )


@dataclass(frozen=True)
class LinearBaseline:
    """A linear model of gold labels.

    Attributes:
        scores: its own.
        seconds: time of its training, the choice among all settings included.
    """

    scores: ModelScores
    seconds: float


def _frozen(labels: Gold) -> tuple[str, ...] | tuple[tuple[str, ...], ...]:
    return cast(
        tuple[str, ...] | tuple[tuple[str, ...], ...],
        tuple(label if isinstance(label, str) else tuple(label) for label in labels),
    )
