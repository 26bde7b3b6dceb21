"""The losses that students are trained with."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from kdops.training.recipes import SoftLoss

NO_LABEL = -100
"""The label of a unit that has none: unlabeled text."""


@dataclass(frozen=True)
class Heads:
    """How the logits of a unit divide into answers, each a softmax over labels that exclude each other.

    Losses are means over the heads, so that they have the same scale for every task.

    Attributes:
        sizes: labels of each head, in the order of the logits; empty: one head over all of them.
    """

    sizes: tuple[int, ...] = ()

    def split(self, logits: Tensor) -> list[Tensor]:
        """The logits of each head, (units, its classes); a head of one label has two: 0 for no, and its own for yes."""
        if len(self.sizes) < 2 and self.sizes != (1,):
            return [logits]
        parts = torch.split(logits, list(self.sizes), dim=-1)
        return [torch.cat([torch.zeros_like(part), part], dim=-1) if part.shape[-1] == 1 else part for part in parts]

    def classes(self, labels: Tensor) -> list[Tensor]:
        """The class of each head, int64 (units,), from 0 and 1 for each label, (units, labels); `NO_LABEL` is kept."""
        parts = torch.split(labels, list(self.sizes), dim=-1)
        known = labels[:, 0] != NO_LABEL
        found = [part[:, 0] if part.shape[-1] == 1 else part.argmax(dim=-1) for part in parts]
        return [torch.where(known, one, NO_LABEL) for one in found]


ONE_HEAD = Heads()


def gold_loss(logits: Tensor, labels: Tensor, heads: Heads = ONE_HEAD) -> Tensor:
    """Cross entropy with the gold labels, mean over labeled units and heads; 0 where there is none.

    With a yes or no to each label that is the binary cross entropy.

    Args:
        logits: (units, classes).
        labels: int64 (units,), or 0 and 1 for each label, (units, classes); `NO_LABEL` for units without any.
        heads: how they divide.
    """
    if labels.dim() == 2:
        pairs = zip(heads.split(logits), heads.classes(labels), strict=True)
        return torch.stack([gold_loss(part, classes) for part, classes in pairs]).mean()
    total = functional.cross_entropy(logits, labels, ignore_index=NO_LABEL, reduction="sum")
    return total / (labels != NO_LABEL).sum().clamp_min(1)


def kl_loss(logits: Tensor, teacher_logits: Tensor, temperature: float, heads: Heads = ONE_HEAD) -> Tensor:
    """T^2 * KL(softmax(teacher / T) || softmax(logits / T)), mean over units (Hinton et al. 2015, arXiv:1503.02531).

    With several heads it is the mean of theirs; of a yes or no to each label the KL of two Bernoulli distributions.

    The factor T^2 keeps the size of the gradient the same at any temperature. A batch without units has loss 0.

    Args:
        logits: the student's, (units, classes).
        teacher_logits: (units, classes).
        temperature: T, above 0.
        heads: how they divide.
    """
    if len(heads.sizes) > 1 or heads.sizes == (1,):
        pairs = zip(heads.split(logits), heads.split(teacher_logits), strict=True)
        return torch.stack([kl_loss(ours, theirs, temperature) for ours, theirs in pairs]).mean()
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
    """A batch's loss and its terms, each a scalar tensor; a term that is not used is None."""

    loss: Tensor
    gold: Tensor | None = None
    soft: Tensor | None = None


@dataclass(frozen=True)
class GoldObjective:
    """Gold labels only: how a teacher, and a student without distillation, is trained."""

    heads: Heads = ONE_HEAD

    def __call__(self, logits: Tensor, labels: Tensor, teacher_logits: Tensor | None) -> LossTerms:
        """The loss of one batch; see `gold_loss` for the shapes."""
        gold = gold_loss(logits, labels, self.heads)
        return LossTerms(gold, gold)


@dataclass(frozen=True)
class DistillationObjective:
    """`gold_weight * CE(gold) + (1 - gold_weight) * soft`.

    The study's setting is `mse` with gold_weight 0 and temperature 1 (arXiv:2201.00558, section 3).
    """

    soft: SoftLoss = "mse"
    gold_weight: float = 0.0
    temperature: float = 1.0
    heads: Heads = ONE_HEAD

    def __call__(self, logits: Tensor, labels: Tensor, teacher_logits: Tensor | None) -> LossTerms:
        """The loss of one batch: logits and teacher logits (units, classes); see `gold_loss` for the labels.

        Units without teacher logits, which are NaN, take no part in the distillation loss.
        """
        assert teacher_logits is not None
        gold = gold_loss(logits, labels, self.heads)
        known = ~teacher_logits[:, 0].isnan()
        ours, theirs = (logits, teacher_logits) if known.all() else (logits[known], teacher_logits[known])
        soft = kl_loss(ours, theirs, self.temperature, self.heads) if self.soft == "kl" else mse_loss(ours, theirs)
        return LossTerms(torch.lerp(soft, gold, self.gold_weight), gold, soft)


@dataclass(frozen=True)
class StatesObjective:
    """General distillation: a student's token states come close to its encoder's (TinyBERT, arXiv:1909.10351)."""

    def __call__(self, logits: Tensor, labels: Tensor, states: Tensor | None) -> LossTerms:
        """The loss of one batch: states in place of logits, and their targets, both (units, width)."""
        assert states is not None
        return LossTerms(state_loss(logits, states))


Objective = GoldObjective | DistillationObjective | StatesObjective
