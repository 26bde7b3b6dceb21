"""The bag student."""

import torch
from torch import Tensor, nn

from kdops.models.base import Student
from kdops.models.dropout import Dropout
from kdops.task import Task


class Bag(Student):
    """Embedding, each token with its two neighbours, weighted mean, one hidden layer, linear: the fastest student.

    The vector of a token is its embedding plus the GELU of a weighted sum, dimension by dimension, of itself and its
    neighbours: as with fastText's pairs of words (Joulin et al. 2017, arXiv:1607.01759), but without a table of pairs.
    Classification reads the mean of these vectors, weighted by a number between 0 and 1 that is learned of each; token
    classification reads every vector, and so no more than three tokens at a time. A text's logits do not depend on its
    batch neighbours: padding is zero, as is what lies before the first token, and has no weight.

    With 30,522 tokens it has 3.92M parameters, 0.01M of them outside the embedding.
    """

    body = ("embedding", "window", "bias")

    def __init__(
        self,
        vocabulary_size: int,
        classes: int,
        task: Task,
        width: int = 128,
        hidden_size: int = 96,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.task, self.width = task, width
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.window = nn.Parameter(torch.randn(3, width) * 0.5)
        self.bias = nn.Parameter(torch.zeros(width))
        if not task.of_words:
            self.weigher = nn.Linear(width, 1)
        self.hidden = nn.Linear(width, hidden_size)
        self.classifier = nn.Linear(hidden_size, classes)
        self.activation = nn.GELU()
        self.dropout = Dropout(dropout)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits of a padded batch; see `Student.forward`."""
        states = self.dropout(self.states(input_ids, attention_mask))
        if not self.task.of_words:
            weights = self.weigher(states).sigmoid() * attention_mask.unsqueeze(-1)
            states = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1e-6)
        logits: Tensor = self.classifier(self.dropout(self.activation(self.hidden(states))))
        return logits

    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Each token's vector, before pooling: (batch, length, width)."""
        embedded = self.embedding(input_ids) * attention_mask.unsqueeze(-1)
        nothing = torch.zeros_like(embedded[:, :1])
        before, after = torch.cat([nothing, embedded[:, :-1]], dim=1), torch.cat([embedded[:, 1:], nothing], dim=1)
        together = before * self.window[0] + embedded * self.window[1] + after * self.window[2] + self.bias
        states: Tensor = embedded + self.activation(together)
        return states
