"""The teacher's tokenizer, trimmed to the tokens that a student meets.

Most of a small student is its embedding table, so unused tokens cost storage and memory and nothing else. Kept are the
tokens that the given texts use, every special token, every single-character token, and every token with a character
that no token stands for alone: what the teacher's tokenizer can spell, the trimmed one can spell too. Texts whose
tokens were counted are cut into the very same tokens as before:

- WordPiece takes the longest known token and Unigram the best-scored path; removing tokens that were not chosen changes
  neither choice. Unigram scores an unknown character by its worst token, so that token stays.
- BPE keeps every merge on the way to a kept token, in the same order.
"""

import json
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tokenizers import Tokenizer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vocabulary:
    """A student's tokenizer, and where its ids come from if it is its teacher's.

    Attributes:
        tokenizer: the tokenizer.
        pad_id: its padding token.
        teacher_ids: the teacher's id of each token, int64 (size,), ascending; position is the student's id. None: the
            tokens are the student's own.
        teacher_size: one more than the teacher's highest id; 0 without a teacher's tokens.
    """

    tokenizer: Tokenizer
    pad_id: int
    teacher_ids: np.ndarray | None = None
    teacher_size: int = 0

    @property
    def size(self) -> int:
        """Number of tokens, special ones included."""
        return self.tokenizer.get_vocab_size() if self.teacher_ids is None else len(self.teacher_ids)

    @property
    def from_teacher(self) -> np.ndarray:
        """The student's id of each teacher id, int32 (teacher_size,); -1 where the token was trimmed away."""
        assert self.teacher_ids is not None
        table = np.full(self.teacher_size, -1, dtype=np.int32)
        table[self.teacher_ids] = np.arange(self.size, dtype=np.int32)
        return table


def trim(tokenizer: Tokenizer, used_ids: np.ndarray, pad_id: int = 0) -> Vocabulary:
    """Trim a tokenizer to the used ids and those needed to spell any other word.

    Args:
        tokenizer: WordPiece, Unigram or BPE; a tokenizer of another kind is kept whole, which is logged.
        used_ids: token ids of the texts that the student will train on, any shape, repeats allowed.
        pad_id: the tokenizer's padding token.
    """
    # The number of tokens is less where ids are left out, as they are for repeated lines of a vocabulary file.
    teacher_size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1
    spec = json.loads(tokenizer.to_str())
    model = spec["model"]
    trimmers = {"WordPiece": _trim_wordpiece, "Unigram": _trim_unigram, "BPE": _trim_bpe}
    if model["type"] not in trimmers:
        logger.warning("the vocabulary of a %s tokenizer is kept whole", model["type"])
        return Vocabulary(tokenizer, pad_id, np.arange(teacher_size), teacher_size)
    by_id = {index: token for token, index in tokenizer.get_vocab(with_added_tokens=True).items()}
    added = {token["content"] for token in spec["added_tokens"]}
    wanted = {by_id[int(index)] for index in np.unique(used_ids)} | added
    kept = trimmers[model["type"]](model, wanted) | added
    teacher_ids = np.array(sorted(index for index, token in by_id.items() if token in kept), dtype=np.int64)
    new_ids = {by_id[int(old)]: new for new, old in enumerate(teacher_ids)}
    _renumber(spec, new_ids)
    trimmed = Tokenizer.from_str(json.dumps(spec))
    if trimmed.get_vocab(with_added_tokens=True) != new_ids:
        logger.warning("this tokenizer's special tokens stand between its tokens: its vocabulary is kept whole")
        return Vocabulary(tokenizer, pad_id, np.arange(teacher_size), teacher_size)
    return Vocabulary(trimmed, int(np.searchsorted(teacher_ids, pad_id)), teacher_ids, teacher_size)


def _trim_wordpiece(model: dict[str, Any], wanted: set[str]) -> set[str]:
    prefix = model["continuing_subword_prefix"]
    vocab = model["vocab"]

    def alone(token: str) -> list[str]:
        inside, characters = token.startswith(prefix), token.removeprefix(prefix)
        return [prefix + one if inside or at > 0 else one for at, one in enumerate(characters)]

    kept = {token for token in vocab if token in wanted or _spells_alone(token, alone(token), vocab)}
    return kept | {model["unk_token"]}


def _trim_unigram(model: dict[str, Any], wanted: set[str]) -> set[str]:
    vocab = dict(model["vocab"])
    kept = {token for token in vocab if token in wanted or _spells_alone(token, token, vocab) or _is_byte(token)}
    unknown = {model["vocab"][model["unk_id"]][0]} if model["unk_id"] is not None else set()
    return kept | unknown | {min(vocab, key=vocab.__getitem__)}


def _trim_bpe(model: dict[str, Any], wanted: set[str]) -> set[str]:
    sources: dict[str, list[tuple[str, str]]] = {}
    for pair in map(_merge_pair, model["merges"]):
        sources.setdefault(_merged(pair, model), []).append(pair)
    prefix, suffix = model["continuing_subword_prefix"] or "", model["end_of_word_suffix"] or ""
    singles = (token for token in model["vocab"] if len(token.removeprefix(prefix).removesuffix(suffix)) == 1)
    kept = {*singles, *filter(_is_byte, model["vocab"])}
    open_tokens = [token for token in model["vocab"] if token in wanted or token == model["unk_token"]]
    while open_tokens:
        token = open_tokens.pop()
        kept.add(token)
        parts = (part for pair in sources.get(token, []) for part in pair)
        open_tokens.extend(part for part in parts if part not in kept)
    return kept


def _renumber(spec: dict[str, Any], new_ids: dict[str, int]) -> None:
    model = spec["model"]
    if model["type"] == "Unigram":
        unknown = model["vocab"][model["unk_id"]][0] if model["unk_id"] is not None else None
        model["vocab"] = [entry for entry in model["vocab"] if entry[0] in new_ids]
        model["unk_id"] = new_ids[unknown] if unknown is not None else None
    else:
        model["vocab"] = {token: new_ids[token] for token in model["vocab"] if token in new_ids}
    if model["type"] == "BPE":
        pairs = map(_merge_pair, model["merges"])
        model["merges"] = [
            pair for pair in pairs if all(part in model["vocab"] for part in (*pair, _merged(pair, model)))
        ]
    for token in spec["added_tokens"]:
        token["id"] = new_ids[token["content"]]
    if spec["post_processor"]:
        _renumber_post_processor(spec["post_processor"], new_ids)


def _renumber_post_processor(processor: dict[str, Any], new_ids: dict[str, int]) -> None:
    for inner in processor.get("processors", []):
        _renumber_post_processor(inner, new_ids)
    for key in ("sep", "cls"):
        if key in processor:
            processor[key] = [processor[key][0], new_ids[processor[key][0]]]
    for special in processor.get("special_tokens", {}).values():
        special["ids"] = [new_ids[token] for token in special["tokens"]]


def _merge_pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _merged(pair: tuple[str, str], model: dict[str, Any]) -> str:
    return pair[0] + pair[1].removeprefix(model["continuing_subword_prefix"] or "")


def _spells_alone(token: str, characters: Iterable[str], vocab: Collection[str]) -> bool:
    """Whether a token is a single character, or has one that no token stands for alone."""
    return any(character == token or character not in vocab for character in characters)


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")
