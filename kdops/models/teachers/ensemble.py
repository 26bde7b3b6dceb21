"""Several teachers as one: the mean of their probabilities."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from kdops.errors import UserError
from kdops.models.teachers.model import Teacher, TeacherModel


class EnsembleModel(TeacherModel):
    """The mean of the probabilities of several teachers, as log-probabilities, which are logits too.

    Where one encoder is needed, for its layers or its embeddings, it is the first.

    Attributes:
        others: the members beside the first.
    """

    def __init__(self, members: Sequence[TeacherModel]) -> None:
        super().__init__(members[0].encoder, members[0].pad_id)
        self.others = nn.ModuleList(members[1:])
        self.float32_only = any(member.float32_only for member in members)
        self.separator_id = members[0].separator_id
        self.train(members[0].training)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Log-probabilities, (batch, classes) or (batch, length, classes); see `TeacherModel`."""
        logits = [super().forward(input_ids, attention_mask), *(one(input_ids, attention_mask) for one in self.others)]
        logs = torch.stack([one.float().log_softmax(dim=-1) for one in logits])
        return logs.logsumexp(dim=0) - math.log(len(logits))

    @property
    def encoders(self) -> tuple[PreTrainedModel, ...]:
        """The Hugging Face models of all members."""
        return (self.encoder, *(one.encoder for one in self.others if isinstance(one, TeacherModel)))


def mean_teacher(teachers: Sequence[Teacher]) -> Teacher:
    """One teacher whose probabilities are the mean of several teachers'.

    It costs as much as all of them together. Teachers with different tokenizers have no common input.

    Raises:
        UserError: if they do not read the same tokens.
    """
    first = teachers[0]
    vocabularies = [(one.tokenizer.to_str(), one.pad_id) for one in teachers]
    if any(one != vocabularies[0] for one in vocabularies):
        raise UserError("these teachers have different tokenizers, so that they cannot be one model")
    model = EnsembleModel([one.model for one in teachers])
    return Teacher(model, first.tokenizer, first.pad_id, first.processing)
