"""What all students have in common, and how they start from a general one."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from kdops.task import Task


class Student(nn.Module):
    """A student: it maps (input_ids, attention_mask), both (batch, length), to logits.

    Attributes:
        body: names of the modules that make token states of tokens: embedding and encoder. What else there is reads
            these states and belongs to the task.
        table: name of the table of token embeddings in it.
        task: what it predicts.
    """

    body: ClassVar[tuple[str, ...]]
    table: ClassVar[str] = "embedding"
    task: Task

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
        weights: what `body_weights` gives of a student of the same kind, size and vocabulary, for either task.

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
