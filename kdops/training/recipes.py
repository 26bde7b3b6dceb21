"""The rungs of the study's ladder (arXiv:2201.00558, section 3)."""

from dataclasses import dataclass, replace
from pathlib import Path

from kdops.errors import UserError

EMBEDDINGS = ("random", "teacher", "fasttext")


@dataclass(frozen=True)
class Recipe:
    """What a student learns from.

    Attributes:
        name: as the user writes it.
        distills: whether it learns from the teacher's logits, or from gold labels alone.
        unlabeled: whether texts without labels are added.
        embeddings: where its token embeddings start: one of `EMBEDDINGS`, or the path of a vector file.
    """

    name: str
    distills: bool
    unlabeled: bool
    embeddings: str

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

RECIPES = {
    recipe.name: recipe
    for recipe in (
        VANILLA,
        Recipe("kd", distills=True, unlabeled=False, embeddings="random"),
        Recipe("kd-unlabeled", distills=True, unlabeled=True, embeddings="random"),
        Recipe("kd-unlabeled-fasttext", distills=True, unlabeled=True, embeddings="fasttext"),
        Recipe("kd-unlabeled-teacher", distills=True, unlabeled=True, embeddings="teacher"),
    )
}
