"""What a student is made from: texts in its own tokens, labels, teacher signals, first embeddings."""

import hashlib
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
from kdops.home import home
from kdops.models.teacher import Teacher
from kdops.steps.evaluation import labeled
from kdops.steps.setup import gold_classes
from kdops.steps.teacher import TeacherMarks, TrainedTeacher
from kdops.training.batches import TrainingSet
from kdops.training.losses import NO_LABEL
from kdops.training.recipes import Recipe
from kdops.training.scoring import LabeledTexts
from kdops.training.signals import teacher_signals, text_keys

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """Everything that all trials of a student share.

    Attributes:
        corpus: the data set.
        recipe: what the student learns from.
        vocabulary: the teacher's tokenizer, trimmed.
        pad_id: padding in that vocabulary.
        max_length: most tokens a text.
        training: rows to train on; unlabeled ones after the labeled ones.
        validation: what trials are scored on.
        teacher: whom the student may start from.
        unlabeled_texts: how many of the rows have no label.
        signals_computed: how many texts went through the teacher just now.
        fingerprint: stands for all of the above.
    """

    corpus: Corpus
    recipe: Recipe
    vocabulary: Vocabulary
    pad_id: int
    max_length: int
    training: TrainingSet
    validation: LabeledTexts
    teacher: Teacher
    unlabeled_texts: int
    signals_computed: int
    fingerprint: str


def prepare(
    corpus: Corpus, teacher: TrainedTeacher, recipe: Recipe, unlabeled: Unlabeled | None, max_length: int
) -> Material:
    """Encode the texts of a recipe once, ask the teacher for what it has not said yet, and trim the vocabulary."""
    more = unlabeled if recipe.unlabeled else None
    tokenizer = teacher.model.tokenizer
    encoded = encode(tokenizer, _texts(corpus, more), corpus.task, max_length)
    known = encoded.unit_labels(gold_classes(corpus, "train"))
    labels = np.full(len(encoded.unit_positions), NO_LABEL, dtype=np.int64)
    labels[: len(known)] = known
    signals = None
    if recipe.distills:
        signals = teacher_signals(
            home() / "signals" / f"{teacher.fingerprint}-{max_length}",
            teacher.model.model,
            encoded,
            text_keys(_texts(corpus, more)),
            classes=len(corpus.labels),
            pad_id=teacher.model.pad_id,
        )
        logger.info(
            "signals: %d texts asked of the teacher, %d known", signals.computed, len(signals) - signals.computed
        )
    vocabulary = trim(tokenizer, encoded.used_ids())
    to_student = vocabulary.from_teacher
    pad_id = int(to_student[teacher.model.pad_id])
    return Material(
        corpus=corpus,
        recipe=recipe,
        vocabulary=vocabulary,
        pad_id=pad_id,
        max_length=max_length,
        training=TrainingSet(encoded.remapped(to_student), labels, signals),
        validation=labeled(corpus, "validation", vocabulary.tokenizer, pad_id, max_length),
        teacher=teacher.model,
        unlabeled_texts=len(more) if more else 0,
        signals_computed=signals.computed if signals else 0,
        fingerprint=material_fingerprint(corpus, teacher, recipe, unlabeled, max_length),
    )


def _texts(corpus: Corpus, unlabeled: Unlabeled | None) -> Iterator[Text]:
    """The texts of train, then those without labels."""
    return chain(corpus.inputs("train"), unlabeled.inputs() if unlabeled else ())


def material_fingerprint(
    corpus: Corpus, teacher: TeacherMarks, recipe: Recipe, unlabeled: Unlabeled | None, max_length: int
) -> str:
    """What stands for the material without making it; where the teacher's weights play no part, its tokenizer does."""
    taught = recipe.distills or recipe.embeddings == "teacher"
    source = teacher.fingerprint if taught else teacher.tokenizer_fingerprint
    more = unlabeled.fingerprint if unlabeled and recipe.unlabeled else ""
    embeddings = recipe.embeddings
    if recipe.vector_file:
        with recipe.vector_file.open("rb") as file:
            embeddings = hashlib.file_digest(file, "sha256").hexdigest()
    return fingerprint(corpus.fingerprint, source, recipe.name, embeddings, more, max_length)
