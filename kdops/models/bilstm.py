"""The BiLSTM student."""

import torch
from torch import Tensor, nn

from kdops.models.base import Student
from kdops.models.dropout import Dropout
from kdops.task import Task


class BiLSTM(Student):
    """Embedding, bidirectional LSTM, self-attention, linear: the study's BiLSTM (arXiv:2201.00558, section 3).

    Classification reads the vector at the first position, token classification every position. A text's logits do
    not depend on its batch neighbours: the backward LSTM reads each row reversed over its real tokens only, and padding
    is never attended to. Two one-directional LSTMs give what a packed sequence gives, train faster and export to
    ONNX with symbolic axes.

    With `residual`, which the study's has not, a tagger's classifier reads a position's own state added to what it
    attends to; of texts it makes no difference, so that they are read as in the study.

    With 30,522 tokens it has 3.23M parameters, 0.30M of them outside the embedding (the study's: 3.35M).
    """

    body = ("embedding", "forward_lstm", "backward_lstm")

    def __init__(
        self,
        vocabulary_size: int,
        classes: int,
        task: Task,
        embedding_size: int = 96,
        hidden_size: int = 96,
        dropout: float = 0.3,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.task, self.residual = task, residual and task.of_words
        self.width = width = 2 * hidden_size
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.forward_lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.backward_lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.classifier = nn.Linear(width, classes)
        self.dropout = Dropout(dropout)
        nn.init.normal_(self.embedding.weight, std=embedding_size**-0.5)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits of a padded batch; see `Student.forward`."""
        states = self.dropout(self.states(input_ids, attention_mask))
        readers = states if self.task.of_words else states[:, :1]
        attended = self._attend(readers, states, attention_mask)
        if self.residual:
            attended = attended + readers
        logits: Tensor = self.classifier(self.dropout(attended))
        return logits if self.task.of_words else logits[:, 0]

    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The states of both LSTMs for each token, before attention: (batch, length, 2 * hidden_size)."""
        return self._read_both_ways(self.dropout(self.embedding(input_ids)), attention_mask)

    def _read_both_ways(self, embedded: Tensor, attention_mask: Tensor) -> Tensor:
        rows, length, _ = embedded.shape
        positions = torch.arange(length, device=embedded.device).unsqueeze(0)
        lengths = attention_mask.to(torch.int64).sum(dim=1, keepdim=True)
        reverse = torch.where(positions < lengths, lengths - 1 - positions, positions)
        # Whole vectors by their place among all rows' positions: a gather along one axis would take an index a number.
        places = (reverse + length * torch.arange(rows, device=embedded.device).unsqueeze(1)).flatten()
        forwards, _ = self.forward_lstm(embedded)
        backwards, _ = self.backward_lstm(_rearranged(embedded, places))
        return torch.cat([forwards, _rearranged(backwards, places)], dim=-1)

    def _attend(self, readers: Tensor, states: Tensor, attention_mask: Tensor) -> Tensor:
        # Keys and values are never made for every position: a query meets the states through the key's weight, and
        # the value of a weighted mean is the weighted mean of the values. The same numbers, and much less work for
        # the single reader of a classifier. A key's bias would shift a reader's scores alike, so there is none.
        scores = self.query(readers) @ self.key.weight @ states.transpose(1, 2) * states.shape[-1] ** -0.5
        scores = scores.masked_fill(attention_mask.unsqueeze(1) == 0, torch.finfo(scores.dtype).min)
        attended: Tensor = self.output(self.value(scores.softmax(dim=-1) @ states))
        return attended


def _rearranged(states: Tensor, places: Tensor) -> Tensor:
    return states.flatten(0, 1).index_select(0, places).view_as(states)
