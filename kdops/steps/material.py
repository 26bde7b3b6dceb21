"""What a student is made from: texts in its own tokens, labels, teacher signals, first embeddings."""

import logging
from dataclasses import dataclass

import numpy as np
from datasets import Dataset
from torch import Tensor

from kdops.data.corpus import Corpus
from kdops.data.encoding import concatenated, encode
from kdops.data.vocabulary import Vocabulary, trim
from kdops.fingerprint import content_fingerprint, fingerprint
from kdops.home import home
from kdops.steps.evaluation import labeled
from kdops.steps.setup import gold_classes, inputs_of
from kdops.steps.teacher import TrainedTeacher
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
        teacher_table: the teacher's embeddings, (pieces, teacher_width), where the recipe starts from them.
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
    teacher_table: Tensor | None
    unlabeled_texts: int
    signals_computed: int
    fingerprint: str


def prepare(
    corpus: Corpus, teacher: TrainedTeacher, recipe: Recipe, unlabeled: Dataset | None, max_length: int
) -> Material:
    """Encode the texts of a recipe once, ask the teacher for what it has not said yet, and trim the vocabulary."""
    more = inputs_of(unlabeled, corpus.task) if recipe.unlabeled else []
    tokenizer = teacher.model.tokenizer
    train = encode(tokenizer, corpus.inputs("train"), corpus.task, max_length)
    encoded = concatenated([train, encode(tokenizer, more, corpus.task, max_length)])
    labels = np.full(len(encoded.unit_positions), NO_LABEL, dtype=np.int64)
    labels[: len(train.unit_positions)] = train.unit_labels(gold_classes(corpus, "train"))
    signals = None
    if recipe.distills:
        signals = teacher_signals(
            home() / "signals" / f"{teacher.fingerprint}-{max_length}",
            teacher.model.model,
            encoded,
            text_keys([*corpus.inputs("train"), *more]),
            classes=len(corpus.labels),
            pad_id=teacher.model.pad_id,
        )
        logger.info(
            "signals: %d texts asked of the teacher, %d known", signals.computed, len(signals) - signals.computed
        )
    vocabulary = trim(tokenizer, encoded.ids)
    to_student = vocabulary.from_teacher
    pad_id = int(to_student[teacher.model.pad_id])
    table = teacher.model.model.embedding_table[vocabulary.teacher_ids] if recipe.embeddings == "teacher" else None
    return Material(
        corpus=corpus,
        recipe=recipe,
        vocabulary=vocabulary,
        pad_id=pad_id,
        max_length=max_length,
        training=TrainingSet(encoded.remapped(to_student), labels, signals),
        validation=labeled(corpus, "validation", vocabulary.tokenizer, pad_id, max_length),
        teacher_table=table,
        unlabeled_texts=len(more),
        signals_computed=signals.computed if signals else 0,
        fingerprint=material_fingerprint(corpus, teacher, recipe, unlabeled, max_length),
    )


def material_fingerprint(
    corpus: Corpus, teacher: TrainedTeacher, recipe: Recipe, unlabeled: Dataset | None, max_length: int
) -> str:
    """What stands for the material without making it; without distillation only the teacher's tokenizer counts."""
    source = teacher.fingerprint if recipe.distills else content_fingerprint([teacher.model.tokenizer.to_str()])
    more = content_fingerprint(inputs_of(unlabeled, corpus.task)) if recipe.unlabeled else ""
    return fingerprint(corpus.fingerprint, source, recipe.name, more, max_length)
