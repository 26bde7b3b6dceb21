"""The last layer of a BERT of which only the first position is read."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel
from transformers.models.bert.modeling_bert import BertLayer


class FirstPositionLayer(BertLayer):
    """A BERT layer that gives its first position only, and computes what that needs.

    Keys and values are computed at all positions; query, output projection and feed-forward layer, ten twelfths of a
    layer's products, at the first only. Weights and output are those of a BERT layer.
    """

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any) -> Tensor:
        """The layer's output at the first position, (batch, 1, width).

        Args:
            hidden_states: (batch, length, width).
            attention_mask: true, or 0, at positions that may be attended to, (batch, 1, length, length); None: all.
        """
        reader, first = self.attention.self, hidden_states[:, :1]

        def heads(projected: Tensor) -> Tensor:
            return projected.view(*projected.shape[:2], -1, reader.attention_head_size).transpose(1, 2)

        read = functional.scaled_dot_product_attention(
            heads(reader.query(first)),
            heads(reader.key(hidden_states)),
            heads(reader.value(hidden_states)),
            attn_mask=None if attention_mask is None else attention_mask[:, :, :1],
            dropout_p=reader.dropout.p if self.training else 0.0,
        )
        attended = self.attention.output(read.transpose(1, 2).flatten(-2), first)
        given: Tensor = self.feed_forward_chunk(attended)  # type: ignore[no-untyped-call]
        return given


def read_first_position_only(encoder: BertModel) -> None:
    """Let the last layer of a BERT give its first position only, with the weights that it has."""
    layers = encoder.encoder.layer
    assert isinstance(layers, nn.ModuleList)
    last = FirstPositionLayer(encoder.config)  # type: ignore[no-untyped-call]
    last.load_state_dict(layers[-1].state_dict())
    layers[-1] = last
