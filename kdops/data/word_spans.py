"""The places of a text's words, as a tokenizer cuts them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from kdops.data.encoding import clean
from kdops.data.inputs import Text, joined

_UNKNOWN = "[UNK]"


def word_cutter(tokenizer: Tokenizer) -> Tokenizer:
    """A tokenizer that gives one token per word, for its place in the text.

    It normalises and cuts as the given one does, case apart, and has its added tokens: what makes it does not depend on
    the vocabulary. Its JSON form names the way of cutting.
    """
    spec = json.loads(tokenizer.to_str())
    added = {token["content"]: token["id"] for token in spec["added_tokens"]}
    unknown = max(added.values(), default=-1) + 1
    spec["model"] = {
        "type": "WordLevel",
        "vocab": {**added, _UNKNOWN: added.get(_UNKNOWN, unknown)},
        "unk_token": _UNKNOWN,
    }
    spec |= {"post_processor": None, "decoder": None, "truncation": None, "padding": None}
    spec["normalizer"] = _without_case(spec["normalizer"])
    return Tokenizer.from_str(json.dumps(spec))


def word_spans(cutter: Tokenizer, texts: Iterable[Text]) -> list[np.ndarray]:
    """Where the words of each text begin and end, int64 (words, 2) of characters each.

    Args:
        cutter: from `word_cutter`.
        texts: strings, or lists of words, which are joined by blanks.
    """
    encodings = cutter.encode_batch([clean(joined(text)) for text in texts])
    return [_spans(encoding.offsets, encoding.word_ids) for encoding in encodings]


def _spans(offsets: Sequence[tuple[int, int]], words: Sequence[int | None]) -> np.ndarray:
    spans = np.zeros((max((word for word in words if word is not None), default=-1) + 1, 2), dtype=np.int64)
    for (start, end), word in zip(offsets, words, strict=True):
        if word is not None:
            spans[word] = start, end
    return spans


def _without_case(normalizer: dict[str, Any] | None) -> dict[str, Any] | None:
    if normalizer is None:
        return None
    if normalizer["type"] == "Sequence":
        parts = [_without_case(part) for part in normalizer["normalizers"]]
        return normalizer | {"normalizers": [part for part in parts if part is not None]}
    if normalizer["type"] == "Lowercase":
        return None
    return normalizer | {"lowercase": False} if "lowercase" in normalizer else normalizer
