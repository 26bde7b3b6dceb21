import random
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report as span_report
from sklearn.metrics import accuracy_score, classification_report, f1_score

from kdops.metrics import by_class, class_counts, confusion, macro_f1, main_metric, score
from kdops.task import Task

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
LABELS = ("negative", "neutral", "positive")
PARTS = ("NN", "VB", "JJ", "O")


def conll_f1(gold: list[list[str]], predicted: list[list[str]]) -> tuple[float, float]:
    """Micro F1, and its mean over types, by the rules of the CoNLL-2000 script, as IndoNLU applies them.

    A span begins at B-, and at I- after O, the beginning of the sentence, or another type. It ends before the next
    beginning and before O. It is right if type and both ends are. Types count that occur on either side.
    """

    def spans(rows: list[list[str]]) -> list[tuple[int, int, int, str]]:
        found: list[tuple[int, int, int, str]] = []
        for row, tags in enumerate(rows):
            start = None
            for place in range(len(tags) + 1):
                here = tags[place] if place < len(tags) else "O"
                before = tags[place - 1] if place else "O"
                goes_on = here[0] == "I" and before[1:] == here[1:]
                if start is not None and not goes_on:
                    found.append((row, start, place, before[2:]))
                    start = None
                if here != "O" and not goes_on:
                    start = place
        return found

    def f1(wanted: set[Any], guessed: set[Any]) -> float:
        right = len(wanted & guessed)
        precision, recall = right / max(len(guessed), 1), right / max(len(wanted), 1)
        return 2 * precision * recall / (precision + recall) if right else 0.0

    wanted, guessed = set(spans(gold)), set(spans(predicted))
    types = {span[3] for span in wanted | guessed}
    by_type = [f1({s for s in wanted if s[3] == name}, {s for s in guessed if s[3] == name}) for name in types]
    return f1(wanted, guessed), sum(by_type) / len(by_type) if by_type else 0.0


@st.composite
def answers(draw: st.DrawFn, labels: tuple[str, ...]) -> tuple[list[list[str]], list[list[str]]]:
    lengths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=6))
    gold, predicted = (
        [draw(st.lists(st.sampled_from(labels), min_size=length, max_size=length)) for length in lengths]
        for _ in range(2)
    )
    return gold, predicted


def test_text_scores_by_hand() -> None:
    gold = ["positive", "positive", "negative", "neutral"]
    predicted = ["positive", "negative", "negative", "neutral"]
    # F1: negative 2/3, neutral 1, positive 2/3
    assert score(Task.TEXT, LABELS, gold, predicted) == pytest.approx({"f1_macro": 7 / 9, "accuracy": 0.75})


def test_text_macro_is_over_the_classes_that_occur() -> None:
    scores = score(Task.TEXT, LABELS, ["positive", "negative"], ["positive", "positive"])
    assert scores["f1_macro"] == pytest.approx((2 / 3 + 0) / 2)


def test_token_scores_by_hand() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"]]
    predicted = [["B-PER", "O", "O", "B-LOC"], ["O", "B-LOC"]]
    # one person with a wrong end; both places right: PER 0, LOC 1; 2 of 3 spans on either side
    expected = {"f1_entity_macro": 0.5, "f1_entity_micro": 2 / 3, "accuracy": 5 / 6}
    assert score(Task.TOKEN, TAGS, gold, predicted) == pytest.approx(expected)


def test_inside_tag_without_a_beginning_begins_a_span() -> None:
    gold = [["O", "B-PER", "I-PER", "B-LOC"]]
    predicted = [["O", "I-PER", "I-PER", "I-LOC"]]
    assert score(Task.TOKEN, TAGS, gold, predicted) == pytest.approx(
        {"f1_entity_macro": 1.0, "f1_entity_micro": 1.0, "accuracy": 0.5}
    )


def test_spans_do_not_run_over_the_end_of_a_sentence() -> None:
    assert score(Task.TOKEN, TAGS, [["B-PER"], ["I-PER"]], [["B-PER"], ["O"]])["f1_entity_micro"] == pytest.approx(
        2 / 3
    )


def test_no_spans_at_all_scores_nought_instead_of_failing() -> None:
    assert score(Task.TOKEN, TAGS, [["O", "O"]], [["O", "O"]]) == {
        "f1_entity_macro": 0.0,
        "f1_entity_micro": 0.0,
        "accuracy": 1.0,
    }


def test_token_scores_agree_with_seqevals_report(tagged: tuple[list[list[str]], ...]) -> None:
    gold, first, second = tagged
    for predicted in (first, second):
        report = span_report(gold, predicted, output_dict=True, zero_division=0)
        scores = score(Task.TOKEN, TAGS, gold, predicted)
        assert scores["f1_entity_macro"] == pytest.approx(report["macro avg"]["f1-score"])
        assert scores["f1_entity_micro"] == pytest.approx(report["micro avg"]["f1-score"])


@given(answer=answers(TAGS))
def test_token_scores_agree_with_the_conll_script(answer: tuple[list[list[str]], list[list[str]]]) -> None:
    micro, macro = conll_f1(*answer)
    scores = score(Task.TOKEN, TAGS, *answer)
    assert scores["f1_entity_micro"] == pytest.approx(micro)
    assert scores["f1_entity_macro"] == pytest.approx(macro)


def test_types_that_are_only_predicted_count_as_nought() -> None:
    scores = score(Task.TOKEN, TAGS, [["B-PER", "O"]], [["B-PER", "B-LOC"]])
    # PER 1, LOC 0; one of two guessed spans is right
    assert scores == pytest.approx({"f1_entity_macro": 0.5, "f1_entity_micro": 2 / 3, "accuracy": 0.5})


@pytest.mark.parametrize(
    ("task", "labels", "expected"),
    [
        (Task.TEXT, LABELS, "f1_macro"),
        # classes of texts may look like tags
        (Task.TEXT, ("B-1", "B-2"), "f1_macro"),
        (Task.TOKEN, TAGS, "f1_entity_macro"),
        (Task.TOKEN, ("B-NNO", "B-SYM"), "f1_entity_macro"),
        (Task.TOKEN, PARTS, "f1_macro"),
    ],
)
def test_main_metric_follows_the_labels(task: Task, labels: tuple[str, ...], expected: str) -> None:
    assert main_metric(task, labels) == expected


def test_plain_tags_are_scored_per_word() -> None:
    gold = [["NN", "VB", "NN"], ["JJ"]]
    predicted = [["NN", "VB", "VB"], ["JJ"]]
    # F1: NN 2/3, VB 2/3, JJ 1; O does not occur
    expected = {"f1_macro": 7 / 9, "accuracy": 3 / 4}
    assert score(Task.TOKEN, PARTS, gold, predicted) == pytest.approx(expected)
    assert confusion(Task.TOKEN, PARTS, gold, predicted).tolist() == [
        [1, 1, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 0],
    ]


@settings(max_examples=30)
@given(answer=answers(PARTS))
def test_scores_of_plain_tags_agree_with_scikit_learns_report(answer: tuple[list[list[str]], list[list[str]]]) -> None:
    flat = [[tag for row in rows for tag in row] for rows in answer]
    report = classification_report(*flat, output_dict=True, zero_division=0)
    scores = score(Task.TOKEN, PARTS, *answer)
    assert scores["f1_macro"] == pytest.approx(report["macro avg"]["f1-score"])
    assert macro_f1(class_counts(Task.TOKEN, PARTS, *answer).sum(axis=0)) == pytest.approx(scores["f1_macro"])


def test_text_scores_agree_with_scikit_learns_report() -> None:
    rng = random.Random(2)
    gold, predicted = ([rng.choice(LABELS) for _ in range(200)] for _ in range(2))
    report = classification_report(gold, predicted, output_dict=True)
    assert score(Task.TEXT, LABELS, gold, predicted)["f1_macro"] == pytest.approx(report["macro avg"]["f1-score"])


@pytest.mark.parametrize(
    ("task", "gold", "predicted", "message"),
    [
        (Task.TEXT, ["positive"], [], "1 gold rows, 0 predicted"),
        (Task.TEXT, [], [], "at least one"),
        (Task.TEXT, ["positive"], ["good"], "'good'"),
        (Task.TOKEN, [["O", "O"]], [["O"]], "row 0: 2 gold tags, 1 predicted"),
    ],
)
def test_gold_and_predicted_must_belong_together(
    task: Task, gold: list[Any], predicted: list[Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score(task, LABELS if task is Task.TEXT else TAGS, gold, predicted)


def test_confusion_has_gold_in_rows_and_unseen_labels_as_zeros() -> None:
    table = confusion(Task.TEXT, LABELS, ["positive", "positive", "negative"], ["negative", "positive", "negative"])
    assert table.tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 1]]
    tags = confusion(Task.TOKEN, TAGS, [["O", "B-PER"], ["O"]], [["O", "B-LOC"], ["O"]])
    assert tags[0, 0] == 2
    assert tags[1, 3] == 1
    assert tags.sum() == 3


def test_scores_by_class_are_of_spans_where_tags_mark_them() -> None:
    labels = ["O", "B-PER", "I-PER", "B-LOC"]
    gold = [["B-PER", "I-PER", "O"], ["B-PER", "O", "B-LOC"]]
    predicted = [["B-PER", "O", "O"], ["B-PER", "O", "B-LOC"]]
    scores = by_class(Task.TOKEN, labels, gold, predicted)
    assert scores["PER"] == {"f1": 0.5, "precision": 0.5, "recall": 0.5, "gold": 2}
    assert scores["LOC"]["f1"] == 1.0
    assert set(by_class(Task.TEXT, ["a", "b", "c"], ["a", "b"], ["a", "a"])) == {"a", "b"}


class TestSeveralAnswers:
    """Several labels per text, and aspects; expected values by scikit-learn, by IndoNLU's rule for CASA and HoASA."""

    LABELS = ("a", "b", "c")
    GOLD: ClassVar = [["a"], ["a", "b"], [], ["c"], ["b"], ["a", "c"]]
    SAID: ClassVar = [["a"], ["b"], ["c"], ["c"], ["b", "c"], ["a", "c"]]
    VALUES = ("food:bad", "food:good", "food:none", "staff:good", "staff:none")
    ASPECTS: ClassVar = [["food:bad", "staff:none"], ["food:good", "staff:good"], ["food:none", "staff:none"]]
    ANSWERS: ClassVar = [["food:bad", "staff:good"], ["food:good", "staff:good"], ["food:bad", "staff:none"]]

    def test_scores_of_several_labels(self) -> None:
        marks = [[[int(label in row) for label in self.LABELS] for row in rows] for rows in (self.GOLD, self.SAID)]
        assert score(Task.MULTI_LABEL, self.LABELS, self.GOLD, self.SAID) == pytest.approx(
            {
                "f1_macro": f1_score(*marks, average="macro"),
                "f1_micro": f1_score(*marks, average="micro"),
                "subset_accuracy": accuracy_score(*map(np.array, marks)),
            }
        )

    def test_aspects_are_scored_over_all_answers_together_and_over_each_aspect(self) -> None:
        values = [[name.partition(":")[2] for row in rows for name in row] for rows in (self.ASPECTS, self.ANSWERS)]
        each = [
            [[row[at] for row in rows] for rows in (self.ASPECTS, self.ANSWERS)] for at in range(len(self.ASPECTS[0]))
        ]
        assert score(Task.ASPECTS, self.VALUES, self.ASPECTS, self.ANSWERS) == pytest.approx(
            {
                "f1_macro": f1_score(*values, average="macro"),
                "accuracy": accuracy_score(*values),
                "f1_aspects": np.mean([f1_score(*one, average="macro", zero_division=0) for one in each]),
            }
        )

    @pytest.mark.parametrize(
        ("task", "labels", "gold", "predicted"),
        [(Task.MULTI_LABEL, LABELS, GOLD, SAID), (Task.ASPECTS, VALUES, ASPECTS, ANSWERS)],
    )
    def test_the_main_metric_follows_from_counts(
        self, task: Task, labels: tuple[str, ...], gold: list[list[str]], predicted: list[list[str]]
    ) -> None:
        counts = class_counts(task, labels, gold, predicted)
        expected = score(task, labels, gold, predicted)[main_metric(task, labels)]
        assert macro_f1(counts.sum(axis=0)) == pytest.approx(expected)

    def test_scores_by_class(self) -> None:
        scores = by_class(Task.MULTI_LABEL, self.LABELS, self.GOLD, self.SAID)
        assert scores["b"] == pytest.approx({"f1": 1.0, "precision": 1.0, "recall": 1.0, "gold": 2})
        assert scores["c"]["precision"] == pytest.approx(0.5)
        assert by_class(Task.ASPECTS, self.VALUES, self.ASPECTS, self.ANSWERS)["none"]["gold"] == 3

    def test_nothing_expected_and_nothing_said_is_no_score(self) -> None:
        assert score(Task.MULTI_LABEL, self.LABELS, [[]], [[]])["f1_macro"] == 0

    def test_answers_about_other_aspects_are_refused(self) -> None:
        with pytest.raises(ValueError, match="different aspects"):
            score(Task.ASPECTS, self.VALUES, [["food:bad", "staff:none"]], [["staff:none", "food:bad"]])
