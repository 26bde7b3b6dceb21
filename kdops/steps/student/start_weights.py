"""The start of a student's weights: random, from word vectors, or from its teacher."""

import logging
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from kdops.models.base import Student, start_from_general
from kdops.models.build import build_student, embedding_table
from kdops.models.embeddings import TokenTexts, fasttext_table, fit_width
from kdops.models.vectors import check_vector_file, vector_table
from kdops.steps.student.inputs import StudentInputs
from kdops.workspace import written_whole

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StudentInit:
    """How each trial's student begins.

    Attributes:
        student: which one.
        inputs: its inputs.
        residual: see `kdops.models.build.build_student`.
        from_teacher: whether its layers are the teacher's, as far as they fit.
        vectors: first embeddings, (tokens, the student's width); None: at random, or with the layers.
        coverage: share of the tokens that the user's vector file holds; None without such a file.
    """

    student: str
    inputs: StudentInputs
    residual: bool
    from_teacher: bool
    vectors: Tensor | None
    coverage: float | None

    def new_student(self, dropout: float | None = None) -> Student:
        """An untrained student; PyTorch's random state decides what is random about it."""
        corpus, vocabulary = self.inputs.corpus, self.inputs.vocabulary
        student = build_student(
            self.student,
            vocabulary.size,
            len(corpus.labels),
            corpus.task,
            dropout=dropout,
            residual=self.residual,
            separator_id=self.inputs.separator_id,
        )
        if self.inputs.general:
            start_from_general(student, self.inputs.general.weights)
        elif self.from_teacher:
            from kdops.models.bert import BertStudent, start_from_teacher

            assert isinstance(student, BertStudent)
            assert vocabulary.teacher_ids is not None
            start_from_teacher(student, self.inputs.teacher.model.model.encoder, vocabulary.teacher_ids)
        if self.vectors is not None:
            table = embedding_table(student).weight.data
            # In the scale of the random start, which suits what the student adds to its embeddings.
            table.copy_(self.vectors * (table.std() / self.vectors.std().clamp_min(1e-12)))
        return student


def student_init(
    student: str, inputs: StudentInputs, *, from_teacher: bool, seed: int, folder: Path, residual: bool = False
) -> StudentInit:
    """Find out how a student begins; vectors that take long to train are kept in `folder`.

    Raises:
        UserError: if the user's vector file holds no token of the vocabulary.
    """
    recipe, vocabulary = inputs.recipe, inputs.vocabulary
    width = embedding_table(build_student(student, 1, 2, inputs.corpus.task)).embedding_dim
    vectors, coverage = None, None
    tokens = [str(vocabulary.tokenizer.id_to_token(index)) for index in range(vocabulary.size)]
    if recipe.vector_file:
        vectors, coverage = vector_table(check_vector_file(recipe.vector_file), tokens, width, seed=seed)
        logger.info("embeddings: %.1f %% of the %d tokens are in %s", 100 * coverage, len(tokens), recipe.vector_file)
    elif recipe.embeddings == "fasttext":
        kept = folder / f"fasttext-{width}.safetensors"
        if not kept.exists():
            logger.info("embeddings: training fastText vectors on %d texts", len(inputs.training))
            texts = TokenTexts(inputs.training.encoded, tokens)
            with written_whole(kept) as unfinished:
                save_file({"vectors": fasttext_table(texts, tokens, width, seed=seed)}, unfinished)
        vectors = load_file(kept)["vectors"]
    elif recipe.embeddings == "teacher" and not from_teacher:
        assert vocabulary.teacher_ids is not None
        vectors = fit_width(inputs.teacher.model.model.embedding_table[vocabulary.teacher_ids], width)
    return StudentInit(student, inputs, residual, from_teacher, vectors, coverage)
