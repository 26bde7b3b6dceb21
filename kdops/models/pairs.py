"""A student of text pairs: it reads each text on its own and compares the two."""

import torch
from torch import Tensor, nn

from kdops.models.base import Student


class PairStudent(Student):
    """Both texts by one reader, the mean states u and v, then [u, v, |u - v|, u * v], one hidden layer, linear.

    As InferSent (Conneau et al. 2017, arXiv:1705.02364). A small student that reads the pair as one text meets the
    second text with states that the first has moved, which general distillation has never shown to it, and has to learn
    from few pairs what in them belongs together.

    Tokens are those of the pair joined, as everywhere: what stands up to the first separator is the first text, and the
    second is what follows, behind the token that a text begins with. Without a separator the second text is empty. A
    pair's logits do not depend on its batch neighbours.
    """

    def __init__(self, reader: Student, classes: int, separator_id: int) -> None:
        """A student of pairs around a student of texts.

        Args:
            reader: turns tokens into token states; what else it has is taken from it.
            classes: number of labels.
            separator_id: the token between the two texts.
        """
        super().__init__()
        for name, module in list(reader.named_children()):
            if name not in reader.body and any(True for _ in module.parameters()):
                delattr(reader, name)
        self.task, self.width, self.table = reader.task, reader.width, f"reader.{reader.table}"
        self.separator_id, self.reader = separator_id, reader
        self.hidden = nn.Linear(4 * self.width, self.width)
        self.classifier = nn.Linear(self.width, classes)
        self.activation = nn.ReLU()
        self.dropout = reader.dropout

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits of a padded batch; see `Student.forward`."""
        ids, mask = self._texts(input_ids, attention_mask)
        real = mask.unsqueeze(-1).to(self.hidden.weight.dtype)
        states = self.dropout(self.reader.states(ids, mask))
        first, second = ((states * real).sum(dim=1) / real.sum(dim=1).clamp_min(1)).chunk(2)
        compared = torch.cat([first, second, (first - second).abs(), first * second], dim=-1)
        logits: Tensor = self.classifier(self.dropout(self.activation(self.hidden(compared))))
        return logits

    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The reader's states of single texts; see `Student.states`."""
        return self.reader.states(input_ids, attention_mask)

    def body_weights(self) -> dict[str, Tensor]:
        """Those of the reader, which a general student of single texts fits."""
        return self.reader.body_weights()

    def _texts(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and mask of all first texts, then of all second ones: (2 * batch, tokens of the longest) each."""
        positions = torch.arange(input_ids.shape[1], device=input_ids.device).unsqueeze(0)
        lengths = attention_mask.to(torch.int64).sum(dim=1, keepdim=True)
        separates = ((input_ids == self.separator_id) & (positions < lengths)).to(torch.int64)
        firsts = torch.where(separates.any(dim=1, keepdim=True), separates.argmax(dim=1, keepdim=True) + 1, lengths)
        # The second text begins with the token that the first begins with.
        follows = torch.where(positions == 0, positions, (positions + firsts - 1).clamp_max(input_ids.shape[1] - 1))
        ids = torch.cat([input_ids, input_ids.gather(1, follows)])
        mask = (positions < torch.cat([firsts, lengths - firsts + 1])).to(torch.int64)
        longest = mask.sum(dim=1).max()
        return ids[:, :longest], mask[:, :longest]
