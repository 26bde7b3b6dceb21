"""Tests of how a model that gives one answer to everything is told."""

import pytest

from kdops.data.one_answer import ConstantAnswer, constant_answer
from kdops.task import Task


@pytest.mark.parametrize(
    ("others", "found"),
    [(0, ConstantAnswer("good", 1.0, "texts")), (5, ConstantAnswer("good", 0.95, "texts")), (6, None), (50, None)],
)
def test_a_model_that_hardly_ever_gives_another_answer_learned_nothing(
    others: int, found: ConstantAnswer | None
) -> None:
    gold, predicted = ["good", "bad"] * 50, ["bad"] * others + ["good"] * (100 - others)
    assert constant_answer(Task.TEXT, gold, predicted) == found


def test_of_words_that_are_nearly_all_outside_a_good_model_says_so() -> None:
    gold = [["O"] * 99 + ["B-PER"]] * 50
    assert constant_answer(Task.TOKEN, gold, gold) is None
    assert constant_answer(Task.TOKEN, gold, [["O"] * 100] * 50) == ConstantAnswer("O", 1.0, "words")


def test_the_labels_of_a_text_are_one_answer() -> None:
    gold = [["a"], ["a", "b"], [], ["b"]] * 20
    assert str(constant_answer(Task.MULTI_LABEL, gold, [["a", "b"]] * 80)) == (
        "answers 'a, b' for 100.0% of the validation texts"
    )
    assert str(constant_answer(Task.MULTI_LABEL, gold, [[]] * 80)).startswith("answers 'none'")
    assert constant_answer(Task.MULTI_LABEL, gold, gold) is None


def test_who_was_asked_little_or_has_one_right_answer_is_not_accused() -> None:
    assert constant_answer(Task.TEXT, ["good", "bad"], []) is None
    assert constant_answer(Task.TEXT, ["good", "bad"] * 20, ["good"] * 40) is None
    assert constant_answer(Task.TEXT, ["good"] * 100, ["good"] * 100) is None
