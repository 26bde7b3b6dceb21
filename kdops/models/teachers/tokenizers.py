"""The tokenizer of a teacher, brought to a form that reads texts and words as the teacher was trained to."""

import importlib.util
import logging
from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertTokenizer, PreTrainedTokenizerBase, TokenizersBackend
from transformers.utils.hub import cached_file

from kdops.data.encoding import mark_word_starts
from kdops.data.wordpiece import MASK
from kdops.errors import UserError
from kdops.models.teachers.config import load_config
from kdops.models.teachers.load_errors import cannot_load
from kdops.models.teachers.sources import SCRATCH, PinnedSource, file_of, member_sources, pinned_source
from kdops.models.transformers_log import quiet
from kdops.task import Task

logger = logging.getLogger(__name__)

_SENTENCEPIECE_FILES = (
    "sentencepiece.bpe.model",
    "spiece.model",
    "spm.model",
    "tokenizer.model",
    "sentencepiece.model",
)
_WORDPIECE_SPECIALS = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}


def load_processing(pinned: PinnedSource, task: Task) -> TokenizersBackend:
    """A teacher's tokenizer, with a padding token and, for token tasks, with marked word starts.

    Raises:
        UserError: if there is none, or its vocabulary is empty, or it cannot pad.
    """
    processing = _loaded(pinned)
    if not isinstance(processing, TokenizersBackend):
        raise UserError(f"teacher {pinned.name!r} has no fast tokenizer (tokenizer.json)")
    if _is_empty(processing):
        processing = _from_wordpiece_file(pinned)
    if processing.pad_token_id is None:
        if processing.eos_token is None:
            raise UserError(f"teacher {pinned.name!r} has a tokenizer without a padding token")
        logger.info("teacher %s has no padding token: %r is used for padding", pinned.name, processing.eos_token)
        processing.pad_token = processing.eos_token
    try:
        processing.backend_tokenizer.to_str()
    except Exception as error:  # tokenizers raises nothing more special
        raise UserError(
            f"teacher {pinned.name!r} has a tokenizer that runs Python code "
            f"({type(processing).__name__}), which no tokenizer.json can hold"
        ) from error
    if task.of_words and mark_word_starts(processing.backend_tokenizer):
        # Else the saved tokenizer would forget it when it is loaded again.
        processing.add_prefix_space = True
        processing.init_kwargs["add_prefix_space"] = True
    return processing


def mask_token(source: str) -> str | None:
    """The mask token of a teacher; None where its tokenizer has none.

    Raises:
        UserError: if the tokenizer cannot be loaded.
    """
    if source == SCRATCH:
        return MASK
    if file_of(source):
        return None
    token = _loaded(pinned_source(member_sources(source)[0])).mask_token
    return str(token) if token else None


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a teacher that `Teacher.save` wrote, without its weights."""
    place = member_sources(str(folder))[0]
    tokenizer: Tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False).backend_tokenizer
    return tokenizer


def _loaded(pinned: PinnedSource) -> PreTrainedTokenizerBase:
    # Its error is clearer than a tokenizer's where a model cannot be a teacher.
    load_config(pinned)
    if _needs_sentencepiece(pinned) and importlib.util.find_spec("sentencepiece") is None:
        raise UserError(
            f"teacher {pinned.name!r} has a sentencepiece model and no tokenizer.json, which needs a package: "
            "pip install sentencepiece protobuf"
        )
    try:
        with quiet():
            processing: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                pinned.place, revision=pinned.revision, trust_remote_code=False
            )
    except Exception as error:  # files of others: JSON, protobuf and missing packages raise whatever they like
        raise cannot_load(pinned.name, error) from error
    return processing


def _needs_sentencepiece(pinned: PinnedSource) -> bool:
    if _file(pinned, "tokenizer.json"):
        return False
    return any(_file(pinned, name) for name in _SENTENCEPIECE_FILES)


def _file(pinned: PinnedSource, name: str) -> Path | None:
    """A file of a teacher, fetched from the hub if it is there; None: it has no such file."""
    found = cached_file(
        pinned.place,
        name,
        revision=pinned.revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return Path(found) if found else None


def _is_empty(processing: TokenizersBackend) -> bool:
    """Whether there are only special tokens, as when transformers misses or misreads files."""
    return set(processing.get_vocab()) <= set(processing.all_special_tokens) | _WORDPIECE_SPECIALS


def _from_wordpiece_file(pinned: PinnedSource) -> TokenizersBackend:
    """The tokenizer of a `vocab.txt` that the model's own tokenizer class cannot read, as of IndoBERT-lite."""
    found = _file(pinned, "vocab.txt")
    tokens = found.read_text(encoding="utf-8").splitlines() if found else []
    if not set(tokens) > _WORDPIECE_SPECIALS:
        raise UserError(
            f"teacher {pinned.name!r} has no tokenizer files that its model can use (its vocabulary would hold "
            "special tokens only); put the model's tokenizer.json beside its config.json"
        )
    lowercase = not any(token != token.lower() for token in tokens if token not in _WORDPIECE_SPECIALS | {"[MASK]"})
    logger.warning(
        "teacher %s: its tokenizer is read from vocab.txt as WordPiece, %s",
        pinned.name,
        "lower-cased since no token has a capital" if lowercase else "with capitals as they are",
    )
    return BertTokenizer(vocab={token: index for index, token in enumerate(tokens)}, do_lower_case=lowercase)
