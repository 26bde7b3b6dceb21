from dataclasses import replace

import pytest
from bundles import COST

from kdops.steps.distill.precision import chosen_precision


@pytest.mark.parametrize(
    ("fp32_ms", "int8_ms", "wanted", "chosen"),
    [
        (1.0, 0.5, "auto", "int8"),
        (0.5, 1.0, "auto", "fp32"),
        (1.0, 1.04, "auto", "int8"),
        (1.0, 1.2, "auto", "fp32"),
        (1.0, 0.5, "fp32", "fp32"),
        (0.5, 1.0, "int8", "int8"),
    ],
    ids=["faster", "slower", "within noise the smaller", "beyond noise the faster", "fp32 asked for", "int8 asked for"],
)
def test_which_precision_is_deployed(fp32_ms: float, int8_ms: float, wanted: str, chosen: str) -> None:
    costs = {
        "fp32": replace(COST, latency_p50_ms=fp32_ms, storage_mb=4.0),
        "int8": replace(COST, latency_p50_ms=int8_ms, storage_mb=1.0),
    }
    assert chosen_precision(costs, wanted) == chosen  # type: ignore[arg-type]
