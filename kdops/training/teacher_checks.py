"""Checks of a teacher before it is trained or used: whether it can read these texts at all."""

from dataclasses import dataclass

import numpy as np
import torch

from kdops.data.encoding import Encoded
from kdops.errors import UserError
from kdops.models.teachers.model import Teacher
from kdops.training.batches import TrainingSet, make_batch
from kdops.training.losses import NO_LABEL

MOST_UNKNOWN = 0.05
"""The largest share of unknown tokens with which a teacher still reads texts rather than guesses them."""
_PADDING_TOKENS = 9
_LOGIT_TOLERANCE = 1e-4


@dataclass(frozen=True)
class TeacherCheck:
    """The facts about a teacher that passed the checks.

    Attributes:
        unknown_share: share of the texts' tokens that its vocabulary does not have.
        float32_only: whether it is trained and asked without bfloat16.
    """

    unknown_share: float
    float32_only: bool


def check_teacher_reads(teacher: Teacher, source: str, encoded: Encoded, max_length: int) -> TeacherCheck:
    """Find out in a second whether a teacher reads texts as it should.

    Args:
        teacher: the teacher.
        source: what the user called it.
        encoded: the training texts in its tokens.
        max_length: most tokens of a text.

    Raises:
        UserError: if it reads fewer tokens than `max_length`, if too many tokens are unknown to it, or if its logits
            depend on padding, that is on the other texts of a batch.
    """
    check_length(teacher, source, max_length)
    share = unknown_share(teacher, encoded)
    if share > MOST_UNKNOWN:
        raise UserError(
            f"teacher {source!r} does not know {share:.1%} of the training tokens, more than {MOST_UNKNOWN:.0%}: its "
            "tokenizer is not the one of its weights, or these texts are in another language or script"
        )
    kind = teacher.model.encoder.config.model_type
    try:
        difference = padding_difference(teacher, encoded)
    except Exception as error:  # whatever the code of a kind of encoder raises for a length that it cannot read
        reason = " ".join(str(error).split())
        raise UserError(f"teacher {source!r} is a {kind} that cannot read a padded text: {reason}") from error
    # Written so that a NaN fails.
    if not difference <= _LOGIT_TOLERANCE:
        raise UserError(
            f"teacher {source!r} is a {kind} whose logits change with the padding of a batch (by {difference:.1e}), so "
            "that no text has logits of its own; give another kind of encoder"
        )
    return TeacherCheck(share, teacher.model.float32_only)


def check_length(teacher: Teacher, source: str, max_length: int) -> None:
    """Find out whether a teacher reads so many tokens.

    Raises:
        UserError: if it does not.
    """
    if max_length > teacher.max_length:
        raise UserError(f"max_length={max_length} is more than teacher {source!r} reads: {teacher.max_length}")


def unknown_share(teacher: Teacher, encoded: Encoded) -> float:
    """The share of tokens that a teacher's vocabulary does not have."""
    unknown = teacher.processing.unk_token_id
    # GPT-2's unknown token is its end of text too, and its bytes leave nothing unknown.
    if unknown is None or unknown == teacher.processing.eos_token_id or not len(encoded.ids):
        return 0.0
    return float(np.mean(encoded.ids == unknown))


@torch.inference_mode()
def padding_difference(teacher: Teacher, encoded: Encoded) -> float:
    """The largest change of a logit of the shortest text when padding follows it."""
    if not len(encoded):
        return 0.0
    data = TrainingSet(encoded, np.full(len(encoded.unit_positions), NO_LABEL))
    batch = make_batch(data, np.array([int(np.argmin(encoded.lengths))]), teacher.pad_id)
    batch = batch.to(next(teacher.model.parameters()).device)
    room = min(_PADDING_TOKENS, teacher.max_length - batch.input_ids.shape[1])
    training = teacher.model.training
    teacher.model.eval()
    plain = teacher.model(batch.input_ids, batch.attention_mask)
    ids = torch.nn.functional.pad(batch.input_ids, (0, room), value=teacher.pad_id)
    padded = teacher.model(ids, torch.nn.functional.pad(batch.attention_mask, (0, room)))
    teacher.model.train(training)
    change = batch.of_units(padded) - batch.of_units(plain)
    return float(change.abs().max()) if change.numel() else 0.0
