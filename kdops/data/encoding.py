"""Texts as integers: encoded once, kept as flat arrays, sliced into batches later."""

import itertools
import json
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from kdops.data.inputs import Side, Text, sides
from kdops.task import Task

_CHUNK_TEXTS = 2_048
_CHUNK_TOKENS = 262_144
_SPACE_BEFORE = {"type": "Prepend", "prepend": " "}
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Encoded:
    """Texts as ragged rows of token ids, flat.

    A *unit* is what gets one label: the whole text (read at position 0), or a word (read at its first token).

    Attributes:
        ids: token ids of all rows, uint16 where they fit, else int32 (tokens,).
        row_starts: where each row begins in `ids`, int64 (rows + 1,).
        unit_positions: position inside its row of each unit, int32 (units,).
        unit_words: which word of its text each unit is, int32 (units,); words cut off by `max_length` have no unit.
        unit_starts: where each row's units begin, int64 (rows + 1,).
    """

    ids: np.ndarray
    row_starts: np.ndarray
    unit_positions: np.ndarray
    unit_words: np.ndarray
    unit_starts: np.ndarray

    def __len__(self) -> int:
        return len(self.row_starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per row, int64 (rows,)."""
        return np.diff(self.row_starts)

    @property
    def unit_counts(self) -> np.ndarray:
        """Units per row, int64 (rows,)."""
        return np.diff(self.unit_starts)

    def remapped(self, table: np.ndarray) -> "Encoded":
        """The same rows with each token id replaced by `table[id]`."""
        ids = np.empty(len(self.ids), dtype=_id_type(int(table.max(initial=0))))
        # Piece by piece: numpy indexes by 64-bit copies of what it is given.
        for start in range(0, len(ids), _CHUNK_TOKENS):
            ids[start : start + _CHUNK_TOKENS] = table[self.ids[start : start + _CHUNK_TOKENS]]
        return replace(self, ids=ids)

    def used_ids(self) -> np.ndarray:
        """The different token ids, ascending, int64 (tokens,)."""
        used = np.zeros(int(self.ids.max(initial=0)) + 1, dtype=bool)
        for start in range(0, len(self.ids), _CHUNK_TOKENS):
            used[self.ids[start : start + _CHUNK_TOKENS]] = True
        return np.flatnonzero(used)

    def take(self, rows: np.ndarray) -> "Encoded":
        """Some of the rows, in the given order; `rows` is int64."""

        def spread(starts: np.ndarray) -> np.ndarray:
            ranges = [np.arange(starts[row], starts[row + 1]) for row in rows]
            return np.concatenate(ranges) if ranges else np.empty(0, dtype=np.int64)

        units = spread(self.unit_starts)
        return Encoded(
            self.ids[spread(self.row_starts)],
            _starts(self.lengths[rows]),
            self.unit_positions[units],
            self.unit_words[units],
            _starts(self.unit_counts[rows]),
        )

    def unit_labels(self, labels: Sequence[int] | Sequence[Sequence[int]]) -> np.ndarray:
        """One label per unit, int64 (units,), from one per text or per word, for as many rows as have labels."""
        rows = zip(self.unit_starts[:-1], self.unit_starts[1:], labels, strict=False)
        parts = [np.atleast_1d(np.asarray(row, dtype=np.int64))[self.unit_words[a:b]] for a, b, row in rows]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def encode(tokenizer: Tokenizer, texts: Iterable[Text], task: Task, max_length: int) -> Encoded:
    """Encode texts, special tokens included, each cut at `max_length` tokens.

    Args:
        tokenizer: any fast tokenizer; it is not changed.
        texts: strings, for token tasks lists of words, or pairs of either, which the tokenizer joins by its separator.
        task: decides what a unit is; of pairs of words the second ones are units.
        max_length: most tokens per row.
    """
    return _encode(tokenizer, texts, max_length, pretokenized=task.of_words, per_word=task.of_words)


def pair_separator(tokenizer: Tokenizer) -> int:
    """The token that stands before the second text of a pair.

    Raises:
        ValueError: if the tokenizer puts nothing between the two, or does not read pairs.
    """
    encoding = tokenizer.encode("a", "a")
    sides = encoding.sequence_ids
    if set(sides) - {None} != {0, 1} or sides[sides.index(1) - 1] is not None:
        raise ValueError("the tokenizer does not read pairs of texts with a separator between them")
    return int(encoding.ids[sides.index(1) - 1])


def encode_words(tokenizer: Tokenizer, texts: Iterable[str], max_length: int) -> Encoded:
    """Encode strings as `encode` does, with a unit for each word that the tokenizer cuts them into by itself."""
    return _encode(tokenizer, texts, max_length, pretokenized=False, per_word=True)


def _encode(
    tokenizer: Tokenizer, texts: Iterable[Text], max_length: int, *, pretokenized: bool, per_word: bool
) -> Encoded:
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    # Growing arrays of plain numbers: one object per text would take several times the memory of the result.
    ids = array(_id_type(max(tokenizer.get_vocab().values(), default=0)).char)
    positions, words, lengths, counts = (array("i") for _ in range(4))
    for chunk in _chunks(texts, _CHUNK_TEXTS):
        rows = [given[0] if len(given) == 1 else given for given in chunk]
        for given, encoding in zip(chunk, tokenizer.encode_batch(rows, is_pretokenized=pretokenized), strict=True):
            row_positions, row_words = _units(encoding, len(given) - 1) if per_word else ([0], [0])
            ids.extend(encoding.ids)
            positions.extend(row_positions)
            words.extend(row_words)
            lengths.append(len(encoding.ids))
            counts.append(len(row_positions))
    return Encoded(
        _numbers(ids), _starts(_numbers(lengths)), _numbers(positions), _numbers(words), _starts(_numbers(counts))
    )


def mark_word_starts(tokenizer: Tokenizer) -> bool:
    """Change a tokenizer so that it reads each pre-split word as a word of a sentence; return whether it had to change.

    Byte-level BPE (RoBERTa, GPT-2, ModernBERT) and Metaspace mark the start of a word by the space before it, which
    words of a list do not have: without this they would be read as parts of longer words.
    """
    state = json.loads(tokenizer.to_str())
    splitter, normalizer = state["pre_tokenizer"] or {"type": None}, state["normalizer"]
    if splitter["type"] == "ByteLevel" and not splitter["add_prefix_space"]:
        splitter["add_prefix_space"] = True
    elif splitter["type"] == "Metaspace" and splitter["prepend_scheme"] == "never":
        splitter["prepend_scheme"] = "first"
    elif _splits_before_bytes(splitter) and _SPACE_BEFORE not in _parts(normalizer, "normalizers"):
        # There the byte-level part sees pieces of a word, and would put a space before each of them.
        parts = [*_parts(normalizer, "normalizers"), _SPACE_BEFORE]
        state["normalizer"] = {"type": "Sequence", "normalizers": parts}
    else:
        return False
    changed = Tokenizer.from_str(json.dumps(state))
    tokenizer.pre_tokenizer = changed.pre_tokenizer
    if changed.normalizer is not None:
        tokenizer.normalizer = changed.normalizer
    return True


def _splits_before_bytes(splitter: dict[str, Any]) -> bool:
    """Whether a pre-tokenizer splits a word and then turns its pieces into bytes without a space before them."""
    parts = _parts(splitter, "pretokenizers")
    return len(parts) > 1 and any(part["type"] == "ByteLevel" and not part["add_prefix_space"] for part in parts)


def _parts(step: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """The steps of a sequence of normalizers or pre-tokenizers, or the one step that there is."""
    if step is None:
        return []
    parts: list[dict[str, Any]] = step.get(name, [step])
    return parts


def _units(encoding: Encoding, side: int) -> tuple[list[int], list[int]]:
    """The position of the first token of each word of a side, and which word that is."""
    of_side = [one == side for one in encoding.sequence_ids] if side else itertools.repeat(True)
    positions: list[int] = []
    words: list[int] = []
    last: int | None = None
    for position, (word, wanted) in enumerate(zip(encoding.word_ids, of_side, strict=False)):
        if word is not None and word != last and wanted:
            positions.append(position)
            words.append(word)
        last = word if wanted else None
    return positions, words


def _chunks(texts: Iterable[Text], size: int) -> Iterator[list[tuple[Side, ...]]]:
    iterator = iter(texts)
    while chunk := [tuple(map(clean, sides(text))) for text in islice(iterator, size)]:
        yield chunk


def clean(text: Side) -> Side:
    """The text without lone surrogates, which no tokenizer takes."""
    # A lone surrogate has no UTF-8 form, which the tokenizer needs; the deployed predictor reads it in the same way.
    if isinstance(text, str):
        return _SURROGATE.sub("\ufffd", text)
    return [_SURROGATE.sub("\ufffd", word) for word in text]


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


def _id_type(largest: int) -> np.dtype:
    """The smallest type for ids, which take most of the memory of encoded texts."""
    return np.dtype(np.uint16 if largest < 2**16 else np.int32)


def _numbers(values: "array[int]") -> np.ndarray:
    """The same numbers without a copy."""
    return np.frombuffer(values or b"", dtype=values.typecode)
