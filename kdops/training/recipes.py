"""Recipes for students: the study's five (arXiv:2201.00558, section 3), and those with general distillation."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from kdops.errors import UserError

EMBEDDINGS = ("random", "teacher", "fasttext")
SoftLoss = Literal["kl", "mse"]
SOFT_LOSSES: tuple[SoftLoss, ...] = get_args(SoftLoss)
"""The distillation losses; see `kdops.training.losses`."""


@dataclass(frozen=True)
class Recipe:
    """A recipe: where a student starts, and what it learns from.

    Attributes:
        name: as the user writes it.
        distills: whether it learns from the teacher's logits, or from gold labels alone.
        unlabeled: whether texts without labels are added.
        embeddings: where its token embeddings start: one of `EMBEDDINGS`, or the path of a vector file.
        general: whether it starts from a general student, which has learned the pre-trained encoder's token states.
        knows_unlabeled: whether the tokens of texts without labels are in its vocabulary although it does not learn
            from them: the baseline of a recipe that does has the same vocabulary.
    """

    name: str
    distills: bool
    unlabeled: bool
    embeddings: str
    general: bool = False
    knows_unlabeled: bool = False

    @property
    def baseline(self) -> bool:
        """Whether it is what others are compared with: gold labels and nothing else."""
        return not (self.distills or self.general)

    @property
    def compared_with(self) -> "Recipe":
        """The recipe of its baseline."""
        return replace(VANILLA, knows_unlabeled=self.unlabeled)

    def with_embeddings(self, choice: str) -> "Recipe":
        """The same recipe with another start of the token embeddings.

        Raises:
            UserError: if the choice is neither one of `EMBEDDINGS` nor a file.
        """
        if choice not in EMBEDDINGS and not Path(choice).expanduser().is_file():
            choices = ", ".join(EMBEDDINGS)
            raise UserError(f"unknown embeddings {choice!r}; choose one of: {choices}, or the path of a vector file")
        return replace(self, embeddings=choice)

    @property
    def vector_file(self) -> Path | None:
        """The user's file of word vectors, where the embeddings start from one."""
        return None if self.embeddings in EMBEDDINGS else Path(self.embeddings).expanduser()


VANILLA = Recipe("vanilla", distills=False, unlabeled=False, embeddings="random")

_STUDY = (
    VANILLA,
    Recipe("kd", distills=True, unlabeled=False, embeddings="random"),
    Recipe("kd-unlabeled", distills=True, unlabeled=True, embeddings="random"),
    Recipe("kd-unlabeled-fasttext", distills=True, unlabeled=True, embeddings="fasttext"),
    Recipe("kd-unlabeled-teacher", distills=True, unlabeled=True, embeddings="teacher"),
)
_GENERAL = (
    Recipe("general", distills=False, unlabeled=False, embeddings="random", general=True),
    Recipe("general-kd", distills=True, unlabeled=False, embeddings="random", general=True),
    Recipe("general-kd-unlabeled", distills=True, unlabeled=True, embeddings="random", general=True),
)
RECIPES = {recipe.name: recipe for recipe in (*_STUDY, *_GENERAL)}
STUDY_RECIPES = tuple(recipe.name for recipe in _STUDY)
"""Those of the study, with its setting as the first trial of each."""

AUTO = "auto"
"""Stands for the recipe that suits the teacher; see `recipe_for`."""


def recipe_for(*, pretrained: bool, tokens: bool = True, unlabeled: bool = False) -> str:
    """The recipe that is taken where nobody names one.

    Args:
        pretrained: whether there is a pre-trained encoder; general distillation needs its token states.
        tokens: whether the teacher has tokens and embeddings, as a file of probabilities has not.
        unlabeled: whether unlabeled text is at hand.
    """
    if pretrained:
        return "general-kd-unlabeled" if unlabeled else "general-kd"
    return "kd-unlabeled-teacher" if tokens else "kd"
