"""A pre-trained encoder without a head, whose token states students learn from."""

from dataclasses import dataclass

from tokenizers import Tokenizer
from torch import Tensor, nn

from kdops.task import Task

_ANY_LABELS = ("0", "1")


@dataclass(frozen=True)
class Encoder:
    """A pre-trained encoder and its tokenizer.

    Attributes:
        model: maps (input_ids, attention_mask), both (batch, length), to token states (batch, length, width).
        tokenizer: what its texts are encoded with.
        pad_id: its padding token.
        max_length: most tokens that it reads.
    """

    model: nn.Module
    tokenizer: Tokenizer
    pad_id: int
    max_length: int


class EncoderModel(nn.Module):
    """A Hugging Face encoder that gives its last hidden states and nothing else.

    Attributes:
        encoder: the Hugging Face model, without a head.
        float32_only: whether it cannot multiply in bfloat16; see `kdops.training.devices.fast_products`.
    """

    def __init__(self, encoder: nn.Module, *, float32_only: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        self.float32_only = float32_only

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Token states (batch, length, width) of a padded batch, both arguments (batch, length)."""
        read = self.encoder(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
        states: Tensor = read.last_hidden_state
        return states


def load_encoder(source: str) -> Encoder:
    """The encoder of anything that can be a teacher, its head left out; of several the first.

    Raises:
        UserError: as `load_teacher`.
    """
    # Seconds to import, and of no use where the states are on this machine.
    from kdops.models.teachers.loading import load_teacher

    teacher = load_teacher(source, Task.TEXT, _ANY_LABELS, brought=False)
    model = EncoderModel(teacher.model.encoder.base_model, float32_only=teacher.model.float32_only)
    return Encoder(model.eval(), teacher.tokenizer, teacher.pad_id, teacher.max_length)
