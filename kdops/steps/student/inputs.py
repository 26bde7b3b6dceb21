"""What a student is made from: texts in its own tokens, labels, and the teacher's logits."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from kdops.data.corpus import Corpus
from kdops.data.encoding import Text, encode
from kdops.data.unlabeled import Unlabeled
from kdops.data.vocabulary import Vocabulary, trim
from kdops.fingerprint import fingerprint
from kdops.steps.setup import gold_classes
from kdops.steps.teacher.result import TeacherKeys, TrainedTeacher
from kdops.training.batches import TrainingSet
from kdops.training.losses import NO_LABEL
from kdops.training.recipes import Recipe
from kdops.training.scoring import LabeledTexts, labeled_texts
from kdops.training.teacher_logits import Question, StoredLogits, teacher_logits, text_keys
from kdops.workspace import TEACHER_LOGITS, Piece, file_digest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StudentInputs:
    """Everything that all trials of a student share.

    Attributes:
        corpus: the data set.
        recipe: what the student learns from.
        vocabulary: the teacher's tokenizer, trimmed.
        pad_id: padding in that vocabulary.
        max_length: most tokens of a text.
        training: rows to train on; unlabeled ones after the labeled ones.
        validation: what trials are scored on.
        teacher: whose weights the student may start from.
        unlabeled_texts: how many of the rows have no label.
        logits_computed: how many texts went through the teacher just now.
        fingerprint: stands for all of the above.
    """

    corpus: Corpus
    recipe: Recipe
    vocabulary: Vocabulary
    pad_id: int
    max_length: int
    training: TrainingSet
    validation: LabeledTexts
    teacher: TrainedTeacher
    unlabeled_texts: int
    logits_computed: int
    fingerprint: str


def student_inputs(
    corpus: Corpus, teacher: TrainedTeacher, recipe: Recipe, unlabeled: Unlabeled | None, max_length: int
) -> StudentInputs:
    """Encode the texts of a recipe once, ask the teacher for what it has not said yet, and trim the vocabulary."""
    more = unlabeled if recipe.unlabeled else None
    encoded = encode(teacher.tokenizer, _texts(corpus, more), corpus.task, max_length)
    known = encoded.unit_labels(gold_classes(corpus, "train"))
    labels = np.full(len(encoded.unit_positions), NO_LABEL, dtype=np.int64)
    labels[: len(known)] = known
    vocabulary = trim(teacher.tokenizer, encoded.used_ids())
    to_student = vocabulary.from_teacher
    encoded = encoded.remapped(to_student)
    logits = _logits(corpus, teacher, more, max_length).for_units(encoded) if recipe.distills else None
    if logits and logits.missing_units:
        logger.warning(
            "%d words have no teacher logits: the teacher's tokens fill max_length=%d earlier than the student's",
            logits.missing_units,
            max_length,
        )
    pad_id = int(to_student[teacher.facts.pad_id])
    return StudentInputs(
        corpus=corpus,
        recipe=recipe,
        vocabulary=vocabulary,
        pad_id=pad_id,
        max_length=max_length,
        training=TrainingSet(encoded, labels, logits),
        validation=labeled_texts(corpus, "validation", vocabulary.tokenizer, pad_id, max_length),
        teacher=teacher,
        unlabeled_texts=len(more) if more else 0,
        logits_computed=logits.computed if logits else 0,
        fingerprint=inputs_fingerprint(corpus, teacher.keys, recipe, unlabeled, max_length),
    )


def inputs_fingerprint(
    corpus: Corpus, teacher: TeacherKeys, recipe: Recipe, unlabeled: Unlabeled | None, max_length: int
) -> str:
    """What stands for the inputs without making them; where the teacher's weights play no part, its tokenizer does."""
    source = teacher.work if recipe.distills or recipe.embeddings == "teacher" else teacher.tokenizer
    more = unlabeled.fingerprint if unlabeled and recipe.unlabeled else ""
    embeddings = file_digest(recipe.vector_file) if recipe.vector_file else recipe.embeddings
    return fingerprint(corpus.fingerprint, source, recipe.name, embeddings, more, max_length)


def _logits(corpus: Corpus, teacher: TrainedTeacher, more: Unlabeled | None, max_length: int) -> StoredLogits:
    def ask(rows: np.ndarray) -> Question:
        wanted = set(rows.tolist())
        unseen = (text for row, text in enumerate(_texts(corpus, more)) if row in wanted)
        model = teacher.model
        return Question(model.model, encode(model.tokenizer, unseen, corpus.task, max_length), model.pad_id)

    keys = text_keys(_texts(corpus, more))
    store = Piece(TEACHER_LOGITS, f"{teacher.facts.weights}-{max_length}").path
    logits = teacher_logits(store, keys, len(corpus.labels), ask)
    known = len(logits) - logits.computed
    logger.info("teacher logits: %d texts asked of the teacher, %d known", logits.computed, known)
    return logits


def _texts(corpus: Corpus, unlabeled: Unlabeled | None) -> Iterator[Text]:
    """The texts of train, then those without labels."""
    return chain(corpus.inputs("train"), unlabeled.inputs() if unlabeled else ())
