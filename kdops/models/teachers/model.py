"""A teacher: what maps token ids to logits, and the tokenizer that it reads with."""

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedModel, TokenizersBackend

from kdops.models.teachers.heads import head_names
from kdops.models.teachers.sources import MEMBER
from kdops.models.transformers_log import quiet


class TeacherModel(nn.Module):
    """A Hugging Face model that gives its logits and nothing else.

    Attributes:
        encoder: the Hugging Face model, its head included.
        float32_only: whether it cannot multiply in bfloat16; see `kdops.training.devices.fast_products`.
        separator_id: the token after which the second text of a pair has the next type id; None: it has no types.
    """

    def __init__(self, encoder: PreTrainedModel, pad_id: int = 0) -> None:
        super().__init__()
        self.encoder = encoder
        self.pad_id = pad_id
        self.float32_only = False
        self.separator_id: int | None = None

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits, (batch, classes) or (batch, length, classes), of a padded batch, both arguments (batch, length)."""
        # GPT-2 and its like find the end of a text by the padding token and not by the mask.
        input_ids = input_ids.masked_fill(attention_mask == 0, self.pad_id)
        types = {} if self.separator_id is None else {"token_type_ids": self._types(input_ids)}
        read = self.encoder(input_ids=input_ids, attention_mask=attention_mask, return_dict=True, **types)
        logits: Tensor = read.logits
        return logits

    def _types(self, input_ids: Tensor) -> Tensor:
        """How many separators stand before each token: 0 in the first text and 1 in the second."""
        separators = input_ids.eq(self.separator_id or 0).to(input_ids.dtype)
        before: Tensor = separators.cumsum(dim=1) - separators
        return before.clamp_max(1)

    @property
    def encoders(self) -> tuple[PreTrainedModel, ...]:
        """The Hugging Face models that give the logits: one, or each of an ensemble's."""
        return (self.encoder,)

    @property
    def head(self) -> set[str]:
        """The names of the weights that come after the encoder, its pooler among them."""
        return {f"encoder.{name}" for name in head_names(self.encoder)}

    @property
    def embedding_table(self) -> Tensor:
        """The table of token embeddings, (tokens, width)."""
        return embedding_table(self.encoder)


@dataclass(frozen=True)
class Teacher:
    """An encoder with a head, and its tokenizer.

    Attributes:
        model: maps (input_ids, attention_mask) to logits, (batch, classes) or (batch, length, classes).
        tokenizer: what its texts are encoded with.
        pad_id: its padding token.
        processing: the same tokenizer as transformers wraps it.
    """

    model: TeacherModel
    tokenizer: Tokenizer
    pad_id: int
    processing: TokenizersBackend

    @property
    def max_length(self) -> int:
        """Most tokens that it can read."""
        return min(*map(_positions, self.model.encoders), int(self.processing.model_max_length))

    def save(self, folder: Path) -> None:
        """Write weights (safetensors), config and tokenizer as Hugging Face does, loadable with `from_pretrained`.

        Each member of an ensemble gets a folder of its own inside.
        """
        encoders = self.model.encoders
        with quiet():
            for number, encoder in enumerate(encoders, start=1):
                place = folder if len(encoders) == 1 else folder / f"{MEMBER}{number:03}"
                encoder.save_pretrained(place)
                self.processing.save_pretrained(place)


def embedding_table(encoder: PreTrainedModel) -> Tensor:
    """The table of token embeddings of a Hugging Face model, (tokens, width)."""
    table: Tensor = encoder.get_input_embeddings().weight  # type: ignore[assignment]
    return table


def _positions(encoder: PreTrainedModel) -> int:
    """Most positions that a model has; models with relative positions only are bound by memory alone."""
    positions = getattr(encoder.config, "max_position_embeddings", None) or -1
    limits = [positions] if positions > 0 else [10**9]
    # RoBERTa and its like count positions from the one after their padding token's id.
    for name, module in encoder.named_modules():
        if isinstance(module, nn.Embedding) and name.endswith("position_embeddings") and module.padding_idx is not None:
            limits.append(module.num_embeddings - module.padding_idx - 1)
    return min(limits)
