"""The inputs of a student: texts in its own tokens, labels, and teacher logits."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from kdops.data.corpus import Corpus
from kdops.data.encoding import Encoded, encode, pair_separator
from kdops.data.inputs import Text
from kdops.data.unlabeled import Unlabeled
from kdops.data.vocabulary import Vocabulary, trim
from kdops.steps.general_distillation.make import general_student, vocabulary_of
from kdops.steps.general_distillation.plan import GeneralPlan
from kdops.steps.student.keys import inputs_fingerprint
from kdops.steps.teacher.result import GIVEN, TrainedTeacher
from kdops.training.batches import TrainingSet
from kdops.training.general_distillation import GeneralStudent
from kdops.training.probabilities import given_logits
from kdops.training.recipes import Recipe
from kdops.training.scoring import LabeledTexts, labeled_texts, training_labels
from kdops.training.stored_logits import StoredLogits, text_keys
from kdops.training.teacher_logits import Question, teacher_logits
from kdops.workspace import TEACHER_LOGITS, Piece

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StudentInputs:
    """Everything that all trials of a student share.

    Attributes:
        corpus: the data set.
        recipe: what the student learns from.
        vocabulary: its own, or the teacher's tokenizer, trimmed.
        max_length: most tokens of a text.
        training: rows to train on; unlabeled ones after the labeled ones.
        validation: what trials are scored on.
        teacher: whose weights the student may start from.
        general: the general student that it starts from; None: it does not.
        unlabeled_texts: how many of the rows have no label.
        logits_computed: number of texts that went through the teacher now.
        fingerprint: stands for all of the above.
    """

    corpus: Corpus
    recipe: Recipe
    vocabulary: Vocabulary
    max_length: int
    training: TrainingSet
    validation: LabeledTexts
    teacher: TrainedTeacher
    general: GeneralStudent | None
    unlabeled_texts: int
    logits_computed: int
    fingerprint: str

    @property
    def separator_id(self) -> int | None:
        """The token between two texts that a student is to compare; None: it reads single texts, or tags words."""
        return pair_separator(self.vocabulary.tokenizer) if self.corpus.compared else None


def student_inputs(
    corpus: Corpus,
    teacher: TrainedTeacher,
    recipe: Recipe,
    unlabeled: Unlabeled | None,
    max_length: int,
    plan: GeneralPlan | None = None,
) -> StudentInputs:
    """Encode the texts of a recipe once, and compute the teacher logits that are missing.

    Args:
        corpus: the data set.
        teacher: its teacher.
        recipe: what the student learns from.
        unlabeled: texts without labels.
        max_length: most tokens of a text.
        plan: of the student's vocabulary and general student; None: the teacher's tokens, trimmed to those that occur.
    """
    more = unlabeled if recipe.unlabeled else None
    known = unlabeled if recipe.knows_unlabeled else None
    vocabulary, encoded = _encoded(corpus, teacher, more, known, max_length, plan)
    logits = _logits(corpus, teacher, more, max_length).for_units(encoded) if recipe.distills else None
    if logits and logits.missing_units and not teacher.is_file:
        logger.warning(
            "%d of %d words or texts have no teacher logits: max_length=%d cuts them off in the teacher's tokens",
            logits.missing_units,
            len(encoded.unit_positions),
            max_length,
        )
    return StudentInputs(
        corpus=corpus,
        recipe=recipe,
        vocabulary=vocabulary,
        max_length=max_length,
        training=TrainingSet(encoded, training_labels(corpus, encoded), logits),
        validation=labeled_texts(corpus, "validation", vocabulary.tokenizer, vocabulary.pad_id, max_length),
        teacher=teacher,
        general=general_student(plan) if plan and recipe.general else None,
        unlabeled_texts=len(more) if more else 0,
        logits_computed=logits.computed if logits else 0,
        fingerprint=inputs_fingerprint(corpus, teacher.keys, recipe, unlabeled, max_length, plan),
    )


def _encoded(
    corpus: Corpus,
    teacher: TrainedTeacher,
    more: Unlabeled | None,
    known: Unlabeled | None,
    max_length: int,
    plan: GeneralPlan | None,
) -> tuple[Vocabulary, Encoded]:
    """The student's vocabulary, and the texts in its tokens; of `known` texts the tokens only."""
    if plan:
        vocabulary = vocabulary_of(plan)
        return vocabulary, encode(vocabulary.tokenizer, _texts(corpus, more), corpus.task, max_length)
    encoded = encode(teacher.tokenizer, _texts(corpus, more), corpus.task, max_length)
    used = encoded.used_ids()
    if known:
        used = np.union1d(used, encode(teacher.tokenizer, known.inputs(), corpus.task, max_length).used_ids())
    vocabulary = trim(teacher.tokenizer, used, teacher.facts.pad_id)
    return vocabulary, encoded.remapped(vocabulary.from_teacher)


def _logits(corpus: Corpus, teacher: TrainedTeacher, more: Unlabeled | None, max_length: int) -> StoredLogits:
    if teacher.is_file:
        return given_logits(teacher.folder / GIVEN, _texts(corpus, more), len(corpus.labels))

    def ask(rows: np.ndarray) -> Question:
        wanted = set(rows.tolist())
        unseen = (text for row, text in enumerate(_texts(corpus, more)) if row in wanted)
        model = teacher.model
        encoded = encode(model.tokenizer, unseen, corpus.task, max_length)
        return Question(model.model, encoded, model.pad_id, one_softmax=not corpus.task.several)

    keys, facts = text_keys(_texts(corpus, more)), teacher.facts
    store = Piece(TEACHER_LOGITS, f"{facts.weights}-{max_length}{'-fp32' if facts.float32_only else ''}").path
    logits = teacher_logits(store, keys, len(corpus.labels), ask)
    known = len(logits) - logits.computed
    logger.info("teacher logits: %d texts computed, %d known", logits.computed, known)
    return logits


def _texts(corpus: Corpus, unlabeled: Unlabeled | None) -> Iterator[Text]:
    """The texts of train, then those without labels."""
    return chain(corpus.inputs("train"), unlabeled.inputs() if unlabeled else ())
