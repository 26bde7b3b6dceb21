"""What a student is trained to minimise."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

SoftLoss = Literal["kl", "mse"]
SOFT_LOSSES: tuple[SoftLoss, ...] = ("kl", "mse")
NO_LABEL = -100
"""The label of a unit that has none: unlabeled text."""


def gold_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy with the gold labels, mean over labeled units; 0 where there is none.

    Args:
        logits: (units, classes).
        labels: int64 (units,), `NO_LABEL` for units without one.
    """
    total = functional.cross_entropy(logits, labels, ignore_index=NO_LABEL, reduction="sum")
    return total / (labels != NO_LABEL).sum().clamp_min(1)


def kl_loss(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """T^2 * KL(softmax(teacher / T) || softmax(logits / T)), mean over units (Hinton et al. 2015, arXiv:1503.02531).

    The factor T^2 keeps the size of the gradient the same at any temperature. A batch without units has loss 0.

    Args:
        logits: the student's, (units, classes).
        teacher_logits: (units, classes).
        temperature: T, above 0.
    """
    student = functional.log_softmax(logits / temperature, dim=-1)
    teacher = functional.log_softmax(teacher_logits / temperature, dim=-1)
    total = functional.kl_div(student, teacher, reduction="sum", log_target=True)
    return temperature**2 * total / max(len(logits), 1)


def mse_loss(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Mean squared difference of student and teacher logits, both (units, classes) (Ba and Caruana 2014).

    A batch without units has loss 0.
    """
    return functional.mse_loss(logits, teacher_logits, reduction="sum") / max(logits.numel(), 1)


def state_loss(states: Tensor, targets: Tensor) -> Tensor:
    """Mean squared difference of token states and their targets, both (units, width), over units that have a target.

    A target of NaN is none. A batch without targets has loss 0.
    """
    known = ~targets[:, :1].isnan()
    errors = torch.where(known, states - targets.nan_to_num(), 0.0)
    return errors.square().sum() / (known.sum() * targets.shape[1]).clamp_min(1)


@dataclass(frozen=True)
class LossTerms:
    """A batch's loss and what it is made of, each a scalar tensor; a term that plays no part is None."""

    loss: Tensor
    gold: Tensor | None = None
    soft: Tensor | None = None


@dataclass(frozen=True)
class GoldObjective:
    """Gold labels only: how a teacher, and a student without distillation, is trained."""

    def __call__(self, logits: Tensor, labels: Tensor, teacher_logits: Tensor | None) -> LossTerms:
        """The loss of one batch; see `gold_loss` for the shapes."""
        gold = gold_loss(logits, labels)
        return LossTerms(gold, gold)


@dataclass(frozen=True)
class DistillationObjective:
    """`gold_weight * CE(gold) + (1 - gold_weight) * soft`.

    The study's setting is `mse` with gold_weight 0 and temperature 1 (arXiv:2201.00558, section 3).
    """

    soft: SoftLoss = "mse"
    gold_weight: float = 0.0
    temperature: float = 1.0

    def __call__(self, logits: Tensor, labels: Tensor, teacher_logits: Tensor | None) -> LossTerms:
        """The loss of one batch: logits and teacher logits (units, classes), labels (units,).

        Units that the teacher said nothing about, whose logits are NaN, take no part in the distillation loss.
        """
        assert teacher_logits is not None
        gold = gold_loss(logits, labels)
        known = ~teacher_logits[:, 0].isnan()
        ours, theirs = (logits, teacher_logits) if known.all() else (logits[known], teacher_logits[known])
        soft = kl_loss(ours, theirs, self.temperature) if self.soft == "kl" else mse_loss(ours, theirs)
        return LossTerms(torch.lerp(soft, gold, self.gold_weight), gold, soft)


@dataclass(frozen=True)
class StatesObjective:
    """General distillation: a student's token states come close to its encoder's (TinyBERT, arXiv:1909.10351)."""

    def __call__(self, logits: Tensor, labels: Tensor, states: Tensor | None) -> LossTerms:
        """The loss of one batch: states in place of logits, and their targets, both (units, width)."""
        assert states is not None
        return LossTerms(state_loss(logits, states))


Objective = GoldObjective | DistillationObjective | StatesObjective
