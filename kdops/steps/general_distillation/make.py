"""Make a vocabulary, the encoder's states and a general student, each once."""

import logging
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from kdops.data.encoding import encode
from kdops.data.vocabulary import Vocabulary, trim
from kdops.data.word_spans import word_cutter
from kdops.data.wordpiece import PAD, SPECIAL_TOKENS, train_wordpiece
from kdops.fingerprint import fingerprint
from kdops.models.encoder import load_encoder
from kdops.models.teachers.sources import teacher_identity
from kdops.steps.general_distillation.plan import GeneralPlan
from kdops.task import Task
from kdops.training.general_distillation import GeneralStudent, general_distillation
from kdops.training.states import WIDTH, WordStates, word_states
from kdops.training.stored_logits import text_keys
from kdops.workspace import ENCODER_STATES, Piece, find_or_make, load_result, save_result

logger = logging.getLogger(__name__)

_TOKENIZER = "tokenizer.json"
_STUDENT = "student"


@dataclass(frozen=True)
class OwnVocabulary:
    """A tokenizer of the workspace.

    Attributes:
        pad_id: its padding token.
        size: tokens, special ones included.
    """

    pad_id: int
    size: int


def vocabulary_of(plan: GeneralPlan) -> Vocabulary:
    """The vocabulary of a plan: found, or trained on its texts."""
    folder = find_or_make(plan.vocabulary_piece, lambda to: _make_vocabulary(plan, to))
    facts = load_result(folder, OwnVocabulary)
    return Vocabulary(Tokenizer.from_file(str(folder / _TOKENIZER)), facts.pad_id)


def general_student(plan: GeneralPlan, *, force: bool = False) -> GeneralStudent:
    """The general student of a plan: found, or trained; a training that was cut off goes on where it was."""
    piece = plan.piece
    folder = find_or_make(piece, lambda to: _distill(plan, piece, to), force=force)
    return GeneralStudent.load(folder / _STUDENT)


def find_general(plan: GeneralPlan) -> GeneralStudent | None:
    """The general student of a plan if it is on this machine."""
    with plan.piece.locked() as folder:
        return GeneralStudent.load(folder / _STUDENT) if folder.exists() else None


def _make_vocabulary(plan: GeneralPlan, folder: Path) -> None:
    spec = plan.vocabulary
    if spec.own:
        logger.info("vocabulary: training %d tokens on %d texts", spec.size, len(plan.texts))
        tokenizer = train_wordpiece(plan.texts, spec.size, lowercase=spec.lowercase)
        pad_id = SPECIAL_TOKENS.index(PAD)
    else:
        encoder = load_encoder(plan.encoder)
        used = encode(encoder.tokenizer, plan.texts, Task.TEXT, plan.training.max_length).used_ids()
        trimmed = trim(encoder.tokenizer, used, encoder.pad_id)
        tokenizer, pad_id = trimmed.tokenizer, trimmed.pad_id
    tokenizer.save(str(folder / _TOKENIZER))
    save_result(folder, OwnVocabulary(pad_id, tokenizer.get_vocab_size()))


def _distill(plan: GeneralPlan, piece: Piece, folder: Path) -> None:
    vocabulary = vocabulary_of(plan)
    states = _states(plan, vocabulary.tokenizer)
    logger.info("encoder states: %d texts computed, %d known", states.computed, _known(states))
    piece.scratch.mkdir(parents=True, exist_ok=True)
    made = general_distillation(
        folder / _STUDENT,
        vocabulary.tokenizer,
        plan.texts,
        states,
        plan.training,
        pad_id=vocabulary.pad_id,
        checkpoint=piece.scratch / "checkpoint.pt",
    )
    logger.info(
        "general %s: explains %.1f%% of the encoder's states", plan.training.student, 100 * made.explained_variance
    )
    if made.explained_variance <= 0:
        logger.warning(
            "general %s: it learned nothing of the encoder yet, below 0%% is worse than the mean of its states; "
            "give it more texts (%d now) or general_epochs",
            plan.training.student,
            len(plan.texts),
        )


def _known(states: WordStates) -> int:
    return len(states) - states.computed


def _states(plan: GeneralPlan, tokenizer: Tokenizer) -> WordStates:
    cutter = word_cutter(tokenizer)
    length = plan.training.max_length
    key = fingerprint(teacher_identity(plan.encoder), cutter.to_str(), length, WIDTH)
    encoder = load_encoder(plan.encoder)
    store = Piece(ENCODER_STATES, key).path
    return word_states(store, encoder, plan.texts, text_keys(plan.texts), cutter, max_length=length)
