"""The rungs of the study's ladder (arXiv:2201.00558, section 3)."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """What a student learns from.

    Attributes:
        name: as the user writes it.
        distills: whether it learns from the teacher's logits, or from gold labels alone.
        unlabeled: whether texts without labels are added.
        embeddings: where its token embeddings start.
    """

    name: str
    distills: bool
    unlabeled: bool
    embeddings: Literal["random", "teacher"]


VANILLA = Recipe("vanilla", distills=False, unlabeled=False, embeddings="random")

RECIPES = {
    recipe.name: recipe
    for recipe in (
        VANILLA,
        Recipe("kd", distills=True, unlabeled=False, embeddings="random"),
        Recipe("kd-unlabeled", distills=True, unlabeled=True, embeddings="random"),
        Recipe("kd-unlabeled-teacher", distills=True, unlabeled=True, embeddings="teacher"),
    )
}
