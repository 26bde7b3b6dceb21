import pytest

from kdops.steps.limits import Limit, LimitsConfig
from kdops.tracking import names


@pytest.mark.parametrize(
    ("bound", "said"),
    [(0.22, "storage at most 0.22 MB"), (5, "storage at most 5.0 MB"), (0.0001, "storage at most 0.0001 MB")],
)
def test_a_limit_is_said_with_all_digits_that_were_given(bound: float, said: str) -> None:
    (limit,) = LimitsConfig(max_storage_mb=bound).limits
    assert str(limit) == said


def test_a_value_beside_its_limit_is_rounded_unless_that_hides_the_difference() -> None:
    limit = Limit(names.STORAGE_MB, 5)
    assert limit.said_of(7.6543) == "storage 7.7 MB, must be at most 5.0 MB"
    assert limit.said_of(5.01) == "storage 5.01 MB, must be at most 5 MB"
    assert limit.said_of(None) == "storage not measured, must be at most 5.0 MB"
