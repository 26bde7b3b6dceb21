"""The base class of all students, and how they start from a general student."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from kdops.models.dropout import Dropout
from kdops.task import Task


class Student(nn.Module):
    """A student: a small network that maps tokens to logits. A text's logits do not depend on its batch neighbours.

    Attributes:
        body: names of the modules that turn tokens into token states: embedding and encoder. The others read these
            states and belong to the task.
        table: name of its table of token embeddings.
        task: what it predicts.
        width: of its token states.
        dropout: between its parts.
    """

    body: ClassVar[tuple[str, ...]]
    table: str = "embedding"
    task: Task
    width: int
    dropout: Dropout

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits of a padded batch.

        Args:
            input_ids: int64 (batch, length).
            attention_mask: 1 at real tokens, 0 at padding, which stands at the end, (batch, length).

        Returns:
            (batch, classes), or (batch, length, classes) for token classification.
        """
        raise NotImplementedError

    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The token states that the rest of the student reads, (batch, length, width).

        Those of real tokens depend neither on padding nor on batch neighbours.
        """
        raise NotImplementedError

    def body_weights(self) -> dict[str, Tensor]:
        """The weights of embedding and encoder by name; they share the student's memory."""
        return {name: weights for name, weights in self.state_dict().items() if name.partition(".")[0] in self.body}


@torch.no_grad()
def start_from_general(student: Student, weights: Mapping[str, Tensor]) -> None:
    """Give a student the embedding and the encoder of a general student; what reads them stays as it is.

    Args:
        student: changed in place.
        weights: the `body_weights` of a student of the same kind, size and vocabulary, for any task.

    Raises:
        ValueError: if they are of another student; nothing is changed then.
    """
    mine = student.body_weights()
    for name in sorted(mine.keys() | weights.keys()):
        shapes = [list(one[name].shape) if name in one else None for one in (mine, weights)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"{name}: the student has {shapes[0]}, the general student {shapes[1]}")
    for name, value in mine.items():
        value.copy_(weights[name])
