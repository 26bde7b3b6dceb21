"""A student that is too large by its weights alone is refused before anything is trained."""

import pytest

import kdops
from kdops.errors import NothingFits
from kdops.steps.distill import stages

GIVEN = {"teacher": "scratch", "recipe": "kd", "student": "bert-small"}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"max_storage_mb": 5},
            r"^bert-small is too large: its 12,[\d,]+ weights without token embeddings are 12\.9 MB in int8, and "
            r"max_storage_mb allows 5\.0 MB; what makes it smaller: student$",
        ),
        (
            {"max_storage_mb": 13, "vocabulary": "own", "vocabulary_size": 300},
            r"its 13,[\d,]+ weights with 300 tokens are 13\.0\d+ MB .*: student, vocabulary_size$",
        ),
        (
            {"max_storage_mb": 52, "vocabulary": "own", "vocabulary_size": 300, "precision": "fp32"},
            r"are 52\.1 MB in fp32, .*; what makes it smaller: student, vocabulary_size, precision=int8$",
        ),
    ],
)
def test_it_says_how_large_it_is_and_what_makes_it_smaller(given: dict[str, str | float], line: str) -> None:
    with pytest.raises(NothingFits, match=line):
        kdops.distill("sample", tracking=None, **GIVEN, **given)


def test_one_that_may_hold_the_limit_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def begins(*given: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(stages, "make_student", begins)
    with pytest.raises(InterruptedError):
        kdops.distill("sample", tracking=None, **GIVEN, max_storage_mb=13)
