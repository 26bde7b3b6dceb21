from pathlib import Path

import pytest

from kdops.data.checks import check_split
from kdops.data.raw import Example
from kdops.errors import UserError


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "test.csv: no rows in test"),
        ([Example("a", "good", 3), Example("b", "neutral", 4)], "test.csv:4: unknown label 'neutral'"),
        ([Example("a", "rare", 5)], "test.csv:5: label 'rare' never stands in train, which has: bad, good"),
        ([Example(["a"], ["good"], 6)], "test.csv:6: a row for token-classification, but the first row of train is"),
        ([Example("a", "good", 7), Example("b", "good", 8)], "test.csv: every label of test is 'good'; are its real"),
    ],
)
def test_faults_that_training_could_not_survive(rows: list[Example], message: str) -> None:
    train = [Example("a", "good", 1), Example("b", "bad", 2)]
    with pytest.raises(UserError) as caught:
        check_split("test", rows, train, ("bad", "good", "rare"), Path("test.csv"))
    assert str(caught.value).startswith(message)
