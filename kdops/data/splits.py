"""Splits that a data set comes without, made from its train split.

The rows of each label are shared out in the same proportions, and texts that are nearly the same stay in one split:
else a model would be tested on what it has read. scikit-learn's StratifiedGroupKFold does the same, but may leave train
without a rare label, and takes 12 seconds for 15,000 texts, most of them groups of their own; this takes less than one.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kdops.data.inputs import Text, joined
from kdops.data.keys import content_key, text_key
from kdops.data.raw import SPLITS, Example
from kdops.errors import UserError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

HELD_OUT_SHARE = 0.1

# Jaccard similarity of word sets from which on two texts are nearly the same, as a fraction
_SIMILAR, _OF = 4, 5
_CHUNK_SETS = 200
_CHUNK_PAIRS = 200_000
_PLACEHOLDER = re.compile(r"https?://\S+|@\w+|\b(?:user|username|url|rt)\b")
_WORD = re.compile(r"[^\W\d_]+")


def make_missing(
    rows: Mapping[str, Sequence[Example]], train_place: Path, seed: int
) -> tuple[dict[str, Sequence[Example]], tuple[str, ...]]:
    """Take validation and test, where they are missing, from train: a tenth of its rows each.

    Args:
        rows: by split; train is among them.
        train_place: where the rows of train come from, for messages.
        seed: another seed gives another choice; the order of the rows does not matter for it.

    Returns:
        All three splits, and a sentence on what was made, if anything was.

    Raises:
        UserError: when train is too small for that.
    """
    missing = [split for split in SPLITS if split not in rows]
    if not missing:
        return dict(rows), ()
    train = rows["train"]
    chosen = _choose(train, missing, seed)
    parts = {split: [row for row, its in zip(train, chosen, strict=True) if its == split] for split in SPLITS}
    for split in ("train", *missing):
        if len({name for row in parts[split] for name in row.names}) < 2:
            raise UserError(
                f"{train_place}: {len(train)} rows are too few, or too much alike, to make {' and '.join(missing)} "
                "from; give these splits as files, or more rows"
            )
    sizes = " and ".join(f"{split} ({len(parts[split])} rows)" for split in missing)
    note = f"made from train: {sizes}; labels in proportion, nearly identical texts in one split, seed {seed}"
    return dict(rows) | {split: parts[split] for split in ("train", *missing)}, (note,)


def drop_leaks(
    rows: Mapping[str, Sequence[Example]], train_place: Path
) -> tuple[dict[str, Sequence[Example]], tuple[str, ...]]:
    """Drop the texts of train that stand in validation or test too, with the same letters and digits.

    Args:
        rows: of all three splits.
        train_place: where the rows of train come from, for messages.

    Returns:
        All three splits, and a sentence with the number of dropped rows.

    Raises:
        UserError: when nothing is left of train.
    """
    held_out = {content_key(row.input) for split in SPLITS if split != "train" for row in rows[split]}
    kept = [row for row in rows["train"] if content_key(row.input) not in held_out]
    if not kept:
        raise UserError(f"{train_place}: every text stands in validation or test too; drop_leaks leaves none")
    dropped = len(rows["train"]) - len(kept)
    return {**rows, "train": kept}, (f"dropped from train: {dropped} rows whose texts stand in validation or test",)


def near_identical(texts: Sequence[Text]) -> NDArray[np.int32]:
    """Number the groups of texts that are nearly the same.

    Two texts are when the Jaccard similarity of their word sets is at least 0.8, and so are texts that a chain of such
    pairs connects. Case, marks, digits, addresses and placeholders for users do not count in a text that has words.

    Candidates share one of their rarest words: of two sets that are so alike, any fifth of the one and a word more
    meets the other (prefix filtering: Bayardo, Ma and Srikant (2007), Scaling Up All Pairs Similarity Search, WWW).

    Returns:
        The group of each text, int32 (texts,).
    """
    sets: dict[frozenset[str], int] = {}
    of_text = np.array([sets.setdefault(_words(text), len(sets)) for text in texts], dtype=np.int64)
    counts = Counter(word for words in sets for word in words)
    place = {word: at for at, word in enumerate(sorted(counts, key=lambda word: (counts[word], word)))}
    ranked = [sorted(place[word] for word in words) for words in sets]
    prefixes = _matrix([row[: len(row) - -(-_SIMILAR * len(row) // _OF) + 1] for row in ranked], len(place))
    return _connected(_matrix(ranked, len(place)), prefixes)[of_text]


def _connected(words: "csr_array", prefixes: "csr_array") -> NDArray[np.int32]:
    """The group of each word set (row), joined chunk by chunk, so that RAM does not grow with the number of pairs."""
    sizes = np.diff(words.indptr)
    groups = np.arange(len(sizes), dtype=np.int32)
    by_word = prefixes.T.tocsr()
    for start in range(0, len(sizes), _CHUNK_SETS):
        candidates = (prefixes[start : start + _CHUNK_SETS] @ by_word).tocoo()
        for pair in range(0, candidates.nnz, _CHUNK_PAIRS):
            first = candidates.row[pair : pair + _CHUNK_PAIRS] + start
            second = candidates.col[pair : pair + _CHUNK_PAIRS]
            least, most = np.minimum(sizes[first], sizes[second]), np.maximum(sizes[first], sizes[second])
            # a set cannot reach this similarity with a much smaller one
            open_pairs = (groups[first] != groups[second]) & (_OF * least >= _SIMILAR * most)
            first, second = first[open_pairs], second[open_pairs]
            shared = words[first].multiply(words[second]).sum(axis=1)
            alike = _OF * shared >= _SIMILAR * (sizes[first] + sizes[second] - shared)
            groups = _joined(groups, first[alike], second[alike])
    return groups


def _joined(groups: NDArray[np.int32], first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.int32]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(first):
        return groups
    edges = (np.ones(len(first), dtype=bool), (groups[first], groups[second]))
    joined: NDArray[np.int32] = connected_components(coo_array(edges, shape=(len(groups),) * 2), directed=False)[1]
    return joined[groups]


def _matrix(rows: Sequence[Sequence[int]], columns: int) -> "csr_array":
    """0 and 1: which words (columns) each row has."""
    from scipy.sparse import csr_array

    starts = np.cumsum([0, *map(len, rows)])
    indices = np.fromiter((index for row in rows for index in row), dtype=np.int64, count=starts[-1])
    return csr_array((np.ones(len(indices), dtype=np.int32), indices, starts), shape=(len(rows), columns))


def _words(text: Text) -> frozenset[str]:
    folded = joined(text).casefold()
    words = _WORD.findall(_PLACEHOLDER.sub(" ", folded))
    # placeholders alone are compared as words; marks and digits alone are like nothing but themselves
    return frozenset(words or _WORD.findall(folded) or [content_key(text)])


def _choose(train: Sequence[Example], missing: Sequence[str], seed: int) -> list[str]:
    """The split of each row of train."""
    keys = [text_key(row.input) for row in train]
    chosen = ["train"] * len(train)
    for stratum in _strata(train):
        rows = sum(map(len, stratum))
        # each split gets something of every label of which there is enough for all
        quota = max(1, round(HELD_OUT_SHARE * rows)) if len(stratum) > len(missing) else 0
        left = dict.fromkeys(missing, quota)
        # a digest instead of a random generator: the same choice on every machine, whatever its libraries
        for group in sorted(stratum, key=lambda group: _digest(min(keys[row] for row in group), seed)):
            split = next((split for split, room in left.items() if room >= len(group)), None)
            if split is not None:
                left[split] -= len(group)
                for row in group:
                    chosen[row] = split
    return chosen


def _strata(train: Sequence[Example]) -> Iterable[list[list[int]]]:
    """Groups of nearly identical rows, by the rarest label of each: what is rare then comes into every split."""
    groups: dict[int, list[int]] = {}
    for row, group in enumerate(near_identical([row.input for row in train])):
        groups.setdefault(int(group), []).append(row)
    counts = Counter(name for row in train for name in set(row.names))
    strata: dict[str, list[list[int]]] = {}
    for rows in groups.values():
        names = {name for row in rows for name in train[row].names}
        # A text may have no label at all.
        strata.setdefault(min(names, key=lambda name: (counts[name], name), default=""), []).append(rows)
    return strata.values()


def _digest(key: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed} {key}".encode(), digest_size=16).digest()
