"""Whether a model gives one answer to everything, which is to have learned nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from kdops import number_text
from kdops.task import Task

Answers = Sequence[str] | Sequence[Sequence[str]]

_FEWEST_TEXTS = 50
"""Of fewer texts one answer says nothing."""
_LEAST_OTHERS = 0.1
"""How often a model must answer otherwise, as a share of how often the gold labels do."""


@dataclass(frozen=True)
class ConstantAnswer:
    """The one answer that a model gives.

    Attributes:
        label: the label, or the labels of a text with commas between them; `none` for no label.
        share: of all answers, between 0 and 1.
        of: what it answers for: `texts`, or `words`.
    """

    label: str
    share: float
    of: str

    def __str__(self) -> str:
        return f"answers {self.label!r} for {number_text.share(self.share)} of the validation {self.of}"


def constant_answer(task: Task, gold: Answers, predicted: Answers) -> ConstantAnswer | None:
    """The one answer of a model that rarely gives another: a tenth as often as the gold labels do, or less.

    Where nearly all gold labels are the same, as `O` among the tags of words, a good model rarely gives another either.

    Args:
        task: whether words have labels or texts.
        gold: label names: one per text, or a list per text: its labels, one per aspect, or one per word.
        predicted: the same shape; empty: it was not asked.

    Returns:
        None: it tells inputs apart, or was asked about too few texts to know.
    """
    if len(predicted) < _FEWEST_TEXTS:
        return None
    answers, right = _answers(task, predicted), _answers(task, gold)
    label, times = Counter(answers).most_common(1)[0]
    others = len(right) - right.count(label)
    if not others or len(answers) - times > _LEAST_OTHERS * others:
        return None
    return ConstantAnswer(label, times / len(answers), "words" if task.of_words else "texts")


def _answers(task: Task, labels: Answers) -> list[str]:
    """One per word, or per text with its labels joined."""
    if task.of_words:
        return list(chain.from_iterable(labels))
    return [one if isinstance(one, str) else ", ".join(one) or "none" for one in labels]
