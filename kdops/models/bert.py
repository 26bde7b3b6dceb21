"""The BERT students, and how they start from a BERT teacher."""

import logging

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModel, BertConfig, BertModel, PreTrainedModel
from transformers.models.bert.modeling_bert import BertLayer

from kdops.errors import UserError
from kdops.models.base import Student
from kdops.models.dropout import Dropout, with_fast_dropout
from kdops.models.first_position import read_first_position_only
from kdops.models.student_kinds import LONGEST_BERT, BertShape
from kdops.models.teachers.config import load_config
from kdops.models.teachers.sources import SCRATCH
from kdops.task import Task

logger = logging.getLogger(__name__)


class BertStudent(Student):
    """A small BERT at a random start and a linear layer (Turc et al. 2019, arXiv:1908.08962, for the shapes).

    Classification reads the vector at the first position, token classification every position. Padding is never
    attended to, so a text's logits do not depend on its batch neighbours. It reads at most 512 tokens.

    | student | shape | parameters at 30,522 tokens | outside the embedding | the study's |
    |---|---|---|---|---|
    | bert-tiny | 2 layers of 128, 2 heads | 4.37M | 0.46M | 4.40M |
    | bert-mini | 4 layers of 256, 4 heads | 11.11M | 3.29M | 11.19M |
    | bert-small | 4 layers of 512, 8 heads | 28.50M | 12.88M | 28.81M |
    """

    body = ("encoder",)
    table = "encoder.embeddings.word_embeddings"

    def __init__(self, vocabulary_size: int, classes: int, task: Task, shape: BertShape, dropout: float = 0.1) -> None:
        super().__init__()
        self.task, self.width = task, shape.width
        config = BertConfig(
            vocab_size=vocabulary_size,
            hidden_size=shape.width,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            intermediate_size=4 * shape.width,
            max_position_embeddings=LONGEST_BERT,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            # The default, 0, would keep the embedding of whatever token has this number from learning.
            pad_token_id=None,
        )
        self.encoder = BertModel(config, add_pooling_layer=False)
        if not task.of_words:
            read_first_position_only(self.encoder)
        with_fast_dropout(self.encoder)
        self.classifier = nn.Linear(shape.width, classes)
        self.dropout = Dropout(dropout)
        nn.init.normal_(self.classifier.weight, std=config.initializer_range)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits of a padded batch, of at most 512 tokens per row; see `Student.forward`."""
        states = self._read(input_ids, attention_mask)
        readers = states if self.task.of_words else states[:, 0]
        logits: Tensor = self.classifier(self.dropout(readers))
        return logits

    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The last layer's states at every position, whatever the task reads of them: (batch, length, width)."""
        if self.task.of_words:
            return self._read(input_ids, attention_mask)
        hidden, no_types = _hidden(attention_mask), torch.zeros_like(input_ids)
        states: Tensor = self.encoder.embeddings(input_ids=input_ids, token_type_ids=no_types)
        for layer in self.encoder.encoder.layer:
            assert isinstance(layer, BertLayer)
            # The last layer gives its first position only; called as a plain layer, it gives all of them.
            states = BertLayer.forward(layer, states, hidden)
        return states

    def _read(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The last layer's states, of the first position alone where the task reads no other."""
        hidden, no_types = _hidden(attention_mask), torch.zeros_like(input_ids)
        states: Tensor = self.encoder(
            input_ids=input_ids, attention_mask=hidden, token_type_ids=no_types
        ).last_hidden_state
        return states


def _hidden(attention_mask: Tensor) -> Tensor:
    """The attention mask as the encoder would make it, with a third fewer operators; (batch, 1, 1, length)."""
    return (1.0 - attention_mask[:, None, None].float()) * torch.finfo(torch.float32).min


def check_bert(teacher: PreTrainedModel) -> None:
    """Find out whether BERT students can start from a teacher: from BERT, RoBERTa, ELECTRA and their like.

    Raises:
        UserError: if it is built otherwise.
    """
    with torch.device("meta"):
        needed = BertModel(BertConfig(num_hidden_layers=1), add_pooling_layer=False).state_dict().keys()
    modules = {name for name, _ in teacher.base_model.named_modules()}
    # Some ELECTRAs have embeddings of another width than their layers.
    if not needed <= teacher.base_model.state_dict().keys() or "embeddings_project" in modules:
        kind = teacher.config.model_type
        raise UserError(f"init=teacher needs a teacher that is built as BERT is; this one is a {kind} model")


def check_teacher_layers(source: str) -> None:
    """Find out from its configuration alone whether BERT students can start from a teacher; see `check_bert`.

    Args:
        source: a hub id, a folder, or `scratch`.

    Raises:
        UserError: if it is built otherwise.
    """
    if source != SCRATCH:
        with torch.device("meta"):
            check_bert(AutoModel.from_config(load_config(source), trust_remote_code=False))  # type: ignore[no-untyped-call]


@torch.no_grad()
def start_from_teacher(student: BertStudent, teacher: PreTrainedModel, teacher_ids: np.ndarray) -> None:
    """Copy a teacher's weights into a student as far as they fit; its head stays as it is.

    The student gets layers evenly spaced over the teacher's, the first and the last among them. Where it is narrower,
    it keeps the dimensions of the hidden states in which the embeddings of its tokens vary most, the same ones
    everywhere, as in weight subcloning (Samragh et al. 2023, arXiv:2312.09299): unlike a rotation onto principal
    components, that leaves layer norms what they are. Attention and feed-forward units beyond the student's number are
    left out. Where it is larger than its teacher, in any respect, the rest stays at its random start. A student of its
    teacher's own shape becomes a copy of it. The embeddings are among what is filled, and in scale with the layers.

    Args:
        student: changed in place.
        teacher: built as BERT is, with any head.
        teacher_ids: the teacher's id of each of the student's tokens, (vocabulary_size,).

    Raises:
        UserError: if the teacher is not built as BERT is.
    """
    check_bert(teacher)
    theirs: dict[str, Tensor] = {name: weights.cpu() for name, weights in teacher.base_model.state_dict().items()}
    # Shares the student's memory.
    ours = student.encoder.state_dict()
    words, positions = "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"
    theirs[words] = theirs[words][torch.from_numpy(teacher_ids)]
    # RoBERTa counts its positions from the one after its padding token's id.
    padding = teacher.base_model.get_submodule("embeddings.position_embeddings").padding_idx
    theirs[positions] = theirs[positions][padding + 1 if isinstance(padding, int) else 0 :]
    kept = _main_dimensions(theirs[words], student.encoder.config.hidden_size)
    layers = _evenly_spaced(teacher.config.num_hidden_layers, student.encoder.config.num_hidden_layers)
    for name, weights in ours.items():
        if not name.startswith("encoder."):
            _copy(_thinned(name, theirs[name], kept), weights)
    for layer, source in enumerate(layers):
        mine, its = f"encoder.layer.{layer}.", f"encoder.layer.{source}."
        for name, weights in ours.items():
            if name.startswith(mine):
                _copy(_thinned(name, theirs[its + name.removeprefix(mine)], kept), weights)
    logger.info(
        "started from %d of the teacher's %d layers and %d of its %d dimensions",
        len(layers),
        teacher.config.num_hidden_layers,
        len(kept),
        teacher.config.hidden_size,
    )


def _evenly_spaced(layers: int, wanted: int) -> list[int]:
    chosen: list[int] = np.linspace(0, layers - 1, min(layers, wanted)).round().astype(int).tolist()
    return chosen


def _main_dimensions(words: Tensor, width: int) -> Tensor:
    """Ascending numbers of the dimensions, at most `width`, in which the embeddings vary most."""
    strongest = words.double().var(dim=0).topk(min(width, words.shape[1])).indices
    return strongest.sort().values


def _thinned(name: str, weights: Tensor, kept: Tensor) -> Tensor:
    """A teacher's weights as far as they read and write the kept dimensions of the hidden states."""
    if weights.dim() == 2 and not name.endswith("output.dense.weight"):
        return weights[:, kept]
    writes_states = ".LayerNorm." in name or name.endswith(("output.dense.weight", "output.dense.bias"))
    return weights[kept] if writes_states else weights


def _copy(source: Tensor, target: Tensor) -> None:
    """Copy the leading block that both have."""
    block = tuple(slice(min(sizes)) for sizes in zip(source.shape, target.shape, strict=True))
    target[block] = source[block]
