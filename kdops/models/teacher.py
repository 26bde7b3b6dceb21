"""The teacher: a Hugging Face encoder with a head for the task."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import model_info
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
from safetensors import SafetensorError
from tokenizers import BertWordPieceTokenizer, Tokenizer
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TokenizersBackend,
)
from transformers.utils import logging as transformers_logging

from kdops.data.encoding import encode
from kdops.errors import UserError
from kdops.models.embeddings import cooccurrence_vectors
from kdops.task import Task

SCRATCH = "scratch"
_SCRATCH_MASK = "[MASK]"
_SCRATCH_PIECES = 2_000
_SCRATCH_EMBEDDING_STD = 0.1
_HUB_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Teacher:
    """An encoder with a head, and its tokenizer.

    Attributes:
        model: maps (input_ids, attention_mask) to logits, (batch, classes) or (batch, length, classes).
        tokenizer: what its texts are encoded with.
        pad_id: its padding token.
    """

    model: "TeacherModel"
    tokenizer: Tokenizer
    pad_id: int
    processing: TokenizersBackend

    @property
    def max_length(self) -> int:
        """Most tokens that it can read."""
        positions = int(self.model.encoder.config.max_position_embeddings)
        return min(positions, self.processing.model_max_length)

    def save(self, folder: Path) -> None:
        """Write weights (safetensors), config and tokenizer as Hugging Face does, loadable with `from_pretrained`."""
        with _quiet():
            self.model.encoder.save_pretrained(folder)
            self.processing.save_pretrained(folder)


class TeacherModel(nn.Module):
    """A Hugging Face model that gives its logits and nothing else."""

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits, (batch, classes) or (batch, length, classes), of a padded batch, both arguments (batch, length)."""
        logits: Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits

    @property
    def embedding_table(self) -> Tensor:
        """The table of token embeddings, (pieces, width)."""
        table: Tensor = self.encoder.get_input_embeddings().weight  # type: ignore[assignment]
        return table


def load_teacher(source: str, task: Task, labels: Sequence[str]) -> Teacher:
    """A teacher from a folder or a hub id, with a new head where it has none for these labels.

    Raises:
        UserError: if it is neither a folder with a model nor to be had from the hub.
    """
    check_teacher(source)
    names = dict(enumerate(labels))
    ids = {label: index for index, label in names.items()}
    family = AutoModelForSequenceClassification if task is Task.TEXT else AutoModelForTokenClassification
    try:
        processing = AutoTokenizer.from_pretrained(source)
        # Its report of new weights in the head would worry people for whom all is as it should be.
        with _quiet():
            encoder = family.from_pretrained(
                source,
                # Else weights that were published in half precision would be trained in it.
                dtype=torch.float32,
                num_labels=len(names),
                id2label=names,
                label2id=ids,
                ignore_mismatched_sizes=True,
            )
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"teacher {source!r} cannot be loaded: {str(error).splitlines()[0]}") from error
    return _assembled(encoder, processing, source)


def scratch_teacher(texts: Iterable[str], task: Task, labels: Sequence[str]) -> Teacher:
    """A small BERT made from nothing but the given texts, for sample data and tests.

    2 layers of 128, about 1M parameters. Its WordPiece vocabulary and its first embeddings come from the texts; no
    labels are needed for either, so that unlabeled text helps it.
    """
    texts = list(texts)
    wordpiece = BertWordPieceTokenizer(lowercase=True)
    wordpiece.train_from_iterator(texts, vocab_size=_SCRATCH_PIECES, min_frequency=2, show_progress=False)
    tokenizer = Tokenizer.from_str(wordpiece.to_str())
    specials = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=specials)
    processing = TokenizersBackend(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token=_SCRATCH_MASK,
    )
    names = dict(enumerate(labels))
    config = BertConfig(
        vocab_size=len(processing),
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=512,
        id2label=names,
        label2id={label: index for index, label in names.items()},
    )
    family = AutoModelForSequenceClassification if task is Task.TEXT else AutoModelForTokenClassification
    teacher = _assembled(family.from_config(config), processing, SCRATCH)  # type: ignore[no-untyped-call]
    vectors = cooccurrence_vectors(encode(tokenizer, texts, Task.TEXT, 512), config.vocab_size, config.hidden_size)
    teacher.model.embedding_table.data.copy_(_SCRATCH_EMBEDDING_STD * vectors)
    return teacher


def check_teacher(source: str) -> None:
    """Find out within seconds whether a teacher can be had.

    Raises:
        UserError: if it cannot, saying what else to give.
    """
    if source == SCRATCH or (Path(source) / "config.json").is_file():
        return
    if Path(source).exists() or source.startswith((".", "/", "~")):
        raise UserError(f"teacher {source!r} is not a folder with a Hugging Face model (it has no config.json)")
    choices = "give a Hugging Face hub id, a local folder with a model, or scratch"
    try:
        AutoConfig.from_pretrained(source, local_files_only=True)
    except (OSError, ValueError):
        if os.environ.get("HF_HUB_OFFLINE") == "1":
            raise UserError(f"teacher {source!r} is not on this machine and HF_HUB_OFFLINE is set; {choices}") from None
        _check_hub(source, choices)


def mask_token(source: str) -> str | None:
    """What stands for a hidden word in a teacher's texts; None where its tokenizer has nothing for that.

    Raises:
        UserError: if the tokenizer cannot be loaded.
    """
    if source == SCRATCH:
        return _SCRATCH_MASK
    check_teacher(source)
    try:
        token = AutoTokenizer.from_pretrained(source).mask_token
    except (OSError, ValueError) as error:
        raise UserError(f"teacher {source!r} cannot be loaded: {str(error).splitlines()[0]}") from error
    return str(token) if token else None


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a teacher that `Teacher.save` wrote, without its weights."""
    tokenizer: Tokenizer = AutoTokenizer.from_pretrained(folder).backend_tokenizer
    return tokenizer


def teacher_identity(source: str) -> str:
    """What stands for a teacher's starting weights in a fingerprint: a hash of a folder's files, or the hub id."""
    folder = Path(source)
    if not folder.is_dir():
        return source
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".json", ".safetensors", ".bin", ".txt", ".model"}:
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' warnings and progress bars."""
    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _check_hub(source: str, choices: str) -> None:
    try:
        model_info(source, timeout=_HUB_TIMEOUT_S)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UserError(f"unknown teacher {source!r}: the hub has no such model; {choices}") from error
    except Exception as error:  # whatever its HTTP client raises for a hub that does not answer
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"teacher {source!r} is not on this machine and the hub does not answer ({reason}); {choices}"
        raise UserError(message) from error


def _assembled(encoder: PreTrainedModel, processing: PreTrainedTokenizerBase, source: str) -> Teacher:
    if not isinstance(processing, TokenizersBackend):
        raise UserError(f"teacher {source!r} has no fast tokenizer (tokenizer.json)")
    pad_id = processing.pad_token_id
    if pad_id is None:
        raise UserError(f"teacher {source!r} has a tokenizer without a padding token")
    return Teacher(TeacherModel(encoder), processing.backend_tokenizer, pad_id, processing)
