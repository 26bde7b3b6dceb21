"""A pre-trained encoder without a head, whose token states students learn from."""

from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, TokenizersBackend

from kdops.errors import UserError
from kdops.models.quiet import quiet


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
    """A Hugging Face encoder that gives its last hidden states and nothing else."""

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Token states (batch, length, width) of a padded batch, both arguments (batch, length)."""
        states: Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return states


def load_encoder(source: str) -> Encoder:
    """The encoder of a folder in Hugging Face form, or of a hub id; a head that it may have is left out.

    Raises:
        UserError: if there is no such model, it has no fast tokenizer, or its tokenizer cannot pad.
    """
    try:
        processing = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        # Its report of a head that is left out would worry people for whom all is as it should be.
        with quiet():
            model = AutoModel.from_pretrained(source, dtype=torch.float32, trust_remote_code=False)
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"encoder {source!r} cannot be loaded: {str(error).splitlines()[0]}") from error
    if not isinstance(processing, TokenizersBackend):
        raise UserError(f"encoder {source!r} has no fast tokenizer (tokenizer.json)")
    if processing.pad_token_id is None:
        raise UserError(f"encoder {source!r} has a tokenizer without a padding token")
    positions = int(getattr(model.config, "max_position_embeddings", processing.model_max_length))
    return Encoder(
        EncoderModel(model).eval(),
        processing.backend_tokenizer,
        int(processing.pad_token_id),
        min(positions, processing.model_max_length),
    )
