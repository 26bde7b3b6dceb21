import random
import time

import numpy as np
import pytest

from kdops.metrics import score
from kdops.resampling import bootstrap_scores, compared, holm, paired_bootstrap
from kdops.task import Task

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
LABELS = ("negative", "neutral", "positive")


def test_bootstrap_of_plain_tags_draws_sentences_not_words() -> None:
    # One long sentence decides: words drawn one by one would show a difference with near certainty.
    gold = [["NN", "VB"] * 50, *([["NN"]] * 9)]
    second = [["VB", "NN"] * 50, *([["NN"]] * 9)]
    result = paired_bootstrap(Task.TOKEN, ("NN", "VB"), gold, gold, second, samples=2000)
    assert result.low == 0
    # no draw has the long sentence: 0.9 ** 10
    assert result.p_value == pytest.approx(2 * 0.349, abs=0.05)


def test_bootstrap_difference_is_that_of_the_scores(tagged: tuple[list[list[str]], ...]) -> None:
    gold, first, second = tagged
    result = paired_bootstrap(Task.TOKEN, TAGS, gold, first, second)
    a, b = (score(Task.TOKEN, TAGS, gold, predicted)["f1_entity_macro"] for predicted in (first, second))
    assert result.difference == pytest.approx(a - b)
    assert result.low < result.difference < result.high
    assert result.low > 0
    assert result.p_value < 0.01


def test_bootstrap_agrees_with_scoring_each_drawn_sample_by_hand() -> None:
    rng = random.Random(3)
    gold = [rng.choice(LABELS) for _ in range(60)]
    first, second = ([rng.choice(LABELS) if rng.random() < noise else label for label in gold] for noise in (0.3, 0.45))
    result = paired_bootstrap(Task.TEXT, LABELS, gold, first, second, samples=2000)
    draws = np.random.default_rng(7)
    differences = []
    for _ in range(150):
        rows = draws.integers(len(gold), size=len(gold))
        a, b = (
            score(Task.TEXT, LABELS, [gold[i] for i in rows], [model[i] for i in rows])["f1_macro"]
            for model in (first, second)
        )
        differences.append(a - b)
    assert [result.low, result.high] == pytest.approx(np.quantile(differences, (0.025, 0.975)).tolist(), abs=0.05)
    assert result.p_value == pytest.approx(2 * float(np.mean(np.array(differences) <= 0)), abs=0.1)


def test_bootstrap_of_a_model_against_itself_finds_nothing() -> None:
    gold, predicted = ["positive", "negative"] * 20, ["positive", "neutral"] * 20
    result = paired_bootstrap(Task.TEXT, LABELS, gold, predicted, predicted)
    assert (result.difference, result.low, result.high, result.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_bootstrap_repeats_by_seed_and_turns_its_sign_with_the_models(tagged: tuple[list[list[str]], ...]) -> None:
    gold, first, second = tagged
    once = paired_bootstrap(Task.TOKEN, TAGS, gold, first, second, seed=5)
    assert once == paired_bootstrap(Task.TOKEN, TAGS, gold, first, second, seed=5)
    turned = paired_bootstrap(Task.TOKEN, TAGS, gold, second, first, seed=5)
    assert (turned.difference, turned.low, turned.high) == pytest.approx((-once.difference, -once.high, -once.low))


def test_bootstrap_of_many_rows_takes_seconds() -> None:
    rng = random.Random(4)
    gold = [rng.choice(LABELS) for _ in range(5_000)]
    start = time.perf_counter()
    paired_bootstrap(Task.TEXT, LABELS, gold, gold, random.Random(5).sample(gold, len(gold)))
    assert time.perf_counter() - start < 10


class TestManyComparisons:
    def test_holm_as_published(self) -> None:
        # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
        # R: p.adjust(c(0.9, 0.5, 0.02), "holm")
        assert holm([0.9, 0.5, 0.02]) == pytest.approx([1.0, 1.0, 0.06])
        assert holm([]) == []

    def test_all_models_see_the_same_draws(self) -> None:
        gold = ["negative", "neutral", "positive"] * 20
        worse = ["negative"] * 30 + gold[30:]
        whole, drawn = bootstrap_scores(Task.TEXT, LABELS, gold, [gold, worse, worse], samples=120)
        assert whole == pytest.approx([score(Task.TEXT, LABELS, gold, one)["f1_macro"] for one in (gold, worse, worse)])
        assert drawn.shape == (120, 3)
        assert (drawn[:, 1] == drawn[:, 2]).all()
        pair = paired_bootstrap(Task.TEXT, LABELS, gold, gold, worse, samples=120)
        assert pair == compared(whole[0] - whole[1], drawn[:, 0] - drawn[:, 1])
