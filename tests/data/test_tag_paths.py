from itertools import product

import numpy as np
import pytest

from kdops.data.schemes import orphans
from kdops.data.tag_paths import best_path
from kdops.deploy import predictor

SPANS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


@pytest.mark.parametrize("seed", range(20))
def test_no_legal_sequence_has_a_higher_sum(seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(5, len(SPANS))).astype(np.float32)
    legal = [path for path in product(range(len(SPANS)), repeat=5) if not orphans([SPANS[place] for place in path])]
    best = max(legal, key=lambda path: scores[range(5), path].sum())
    assert best_path(SPANS, scores).tolist() == list(best)


def test_the_predictor_that_stands_by_itself_does_the_same() -> None:
    generator = np.random.default_rng(0)
    for labels in (SPANS, ("I-PER", "O"), ("NN", "VB"), ("B-PER", "I-PER", "I-LOC", "O")):
        for words in range(8):
            scores = generator.normal(size=(words, len(labels))).astype(np.float32)
            assert predictor._best_path(labels, scores) == best_path(labels, scores).tolist()


def test_a_sure_inside_makes_its_span_begin() -> None:
    scores = np.array([[0.0, 0.0, 0.1, 0.0, 0.0], [0.0, 0.0, 9.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.1]])
    assert [SPANS[place] for place in best_path(SPANS, scores)] == ["B-PER", "I-PER", "O"]


def test_tags_that_mark_no_spans_are_the_best_of_each_word() -> None:
    scores = np.random.default_rng(1).normal(size=(50, 3))
    for labels in (("NN", "VB", "O"), ("O", "I-PER", "I-LOC")):
        assert best_path(labels, scores).tolist() == scores.argmax(axis=-1).tolist()
