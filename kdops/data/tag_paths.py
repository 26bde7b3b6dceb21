"""The tags of a sentence taken together: the best sequence in which each I- continues a span of its type.

A model scores each word by itself, so the best tag of each word may spell `B-PERSON I-PLACE`, which the scorers read as
two spans. The best legal sequence is found by the Viterbi algorithm, as taggers with a CRF do it (Lample et al. 2016,
arXiv:1603.01360), with every legal move at no cost.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np


def best_path(labels: Sequence[str], scores: np.ndarray) -> np.ndarray:
    """The legal sequence of tags with the highest sum of scores; of plain tags all sequences are legal.

    `kdops.deploy.predictor`, one file that stands by itself, does the same.

    Args:
        labels: the tags.
        scores: logits of the words of a sentence, (words, classes).

    Returns:
        The place of each word's tag among the labels, int64 (words,).
    """
    path: np.ndarray = scores.argmax(axis=-1)
    illegal = _illegal(tuple(labels))
    if not illegal[np.append(-1, path[:-1])[: len(path)], path].any():
        return path
    best = np.where(illegal[-1], -np.inf, scores[0])
    before = []
    for row in scores[1:]:
        moves = np.where(illegal[:-1], -np.inf, best[:, None])
        before.append(moves.argmax(axis=0))
        best = moves.max(axis=0) + row
    path[-1] = best.argmax()
    for place in reversed(range(len(before))):
        path[place] = before[place][path[place + 1]]
    return path


@lru_cache(maxsize=8)
def _illegal(labels: tuple[str, ...]) -> np.ndarray:
    """Whether a tag (columns) must not follow another (rows); the last row is the beginning of a sentence.

    An I- is free where its type has no B-: nothing else could begin its spans.
    """
    before = (*labels, "O")
    bound = [label.startswith("I-") and f"B-{label[2:]}" in labels for label in labels]
    pairs = list(zip(labels, bound, strict=True))
    return np.array([[one and last not in (label, f"B-{label[2:]}") for label, one in pairs] for last in before])
