"""Where a student's weights start: at random, from word vectors, or from its teacher."""

import logging
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kdops.models.bert import BertStudent, start_from_teacher
from kdops.models.embeddings import PieceTexts, fasttext_table, fit_width
from kdops.models.students import build_student, embedding_table
from kdops.models.vectors import check_vector_file, vector_table
from kdops.steps.material import Material

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """How each trial's student begins.

    Attributes:
        student: which one.
        material: what it is made from.
        from_teacher: whether its layers are the teacher's, as far as they fit.
        vectors: first embeddings, (pieces, the student's width); None: at random, or with the layers.
        coverage: share of the pieces that the user's vector file holds; None without such a file.
    """

    student: str
    material: Material
    from_teacher: bool
    vectors: Tensor | None
    coverage: float | None

    def new_student(self, dropout: float | None = None) -> nn.Module:
        """An untrained student; PyTorch's random state decides what is random about it."""
        corpus, vocabulary = self.material.corpus, self.material.vocabulary
        student = build_student(self.student, vocabulary.size, len(corpus.labels), corpus.task, dropout=dropout)
        if self.from_teacher:
            assert isinstance(student, BertStudent)
            start_from_teacher(student, self.material.teacher.model.encoder, vocabulary.teacher_ids)
        if self.vectors is not None:
            table = embedding_table(student).weight.data
            # In the scale of the random start, which suits what the student adds to its embeddings.
            table.copy_(self.vectors * (table.std() / self.vectors.std().clamp_min(1e-12)))
        return student


def start_of(student: str, material: Material, *, from_teacher: bool, seed: int, folder: Path) -> Start:
    """Find out how a student begins; vectors that take long to train are kept in `folder`.

    Raises:
        UserError: if the user's vector file holds no piece of the vocabulary.
    """
    recipe, vocabulary = material.recipe, material.vocabulary
    width = embedding_table(build_student(student, 1, 2, material.corpus.task)).embedding_dim
    vectors, coverage = None, None
    pieces = [str(vocabulary.tokenizer.id_to_token(index)) for index in range(vocabulary.size)]
    if recipe.vector_file:
        vectors, coverage = vector_table(check_vector_file(recipe.vector_file), pieces, width, seed=seed)
        logger.info("embeddings: %.1f %% of the %d pieces are in %s", 100 * coverage, len(pieces), recipe.vector_file)
    elif recipe.embeddings == "fasttext":
        kept = folder / f"fasttext-{width}.safetensors"
        if not kept.exists():
            logger.info("embeddings: training fastText vectors on %d texts", len(material.training))
            texts = PieceTexts(material.training.encoded, pieces)
            unfinished = kept.with_suffix(".part")
            save_file({"vectors": fasttext_table(texts, pieces, width, seed=seed)}, unfinished)
            unfinished.rename(kept)
        vectors = load_file(kept)["vectors"]
    elif recipe.embeddings == "teacher" and not from_teacher:
        vectors = fit_width(material.teacher.model.embedding_table[vocabulary.teacher_ids], width)
    return Start(student, material, from_teacher, vectors, coverage)
