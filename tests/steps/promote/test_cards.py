import pytest

from kdops.steps.promote.cards import says_champion, with_promotion, with_replacement, without_promotion
from kdops.tracking import names
from kdops.tracking.registry.registered import LONGEST_DESCRIPTION

PROMOTION = {
    names.PROMOTED_OVER: 3, names.PROMOTED_AT: "2026-01-02T03:04:05+00:00", names.PROMOTED_BY: "alice",
    names.PROMOTION_REASON: "better",
}  # fmt: skip
NEXT = {
    names.PROMOTED_OVER: 4, names.PROMOTED_AT: "2026-02-03T04:05:06+00:00", names.PROMOTED_BY: "bob",
    names.PROMOTION_REASON: "cheaper",
}  # fmt: skip


def test_a_promotion_is_told_below_the_card_and_replaces_an_earlier_one() -> None:
    told = with_promotion("# card", PROMOTION, {names.LATENCY_P95_MS: 1.5}, {names.LATENCY_P95_MS: 2.0, "val.f1": 0.5})
    assert told.splitlines() == [
        "# card", "", "## Champion", "",
        "Since 2026-01-02T03:04:05+00:00, promoted by alice over version 3: better", "",
        "| | this version | version 3 |", "|---|---:|---:|",
        "| latency p95 | 1.500 ms | 2.000 ms |", "| val f1 | - | 0.500 |",
    ]  # fmt: skip
    first = with_promotion(told, PROMOTION | {names.PROMOTED_OVER: "none"}, {}, {})
    assert first == "# card\n\n## Champion\n\nSince 2026-01-02T03:04:05+00:00, promoted by alice: better"
    assert without_promotion(told) == "# card"


def test_the_end_of_a_championship_replaces_what_was_told_of_it() -> None:
    champion = with_promotion("# card", PROMOTION, {}, {names.LATENCY_P95_MS: 2.0})
    former = with_replacement(champion, PROMOTION, 5, NEXT)
    assert former.splitlines() == [
        "# card", "", "## Former champion", "",
        "From 2026-01-02T03:04:05+00:00 until 2026-02-03T04:05:06+00:00, promoted by alice over version 3: better", "",
        "Replaced by version 5, promoted by bob: cheaper",
    ]  # fmt: skip
    assert (says_champion(champion), says_champion(former)) == (True, False)
    assert with_promotion(former, PROMOTION, {}, {names.LATENCY_P95_MS: 2.0}) == champion
    assert without_promotion(former) == "# card"


def test_of_one_that_was_made_champion_by_other_means_only_the_end_is_known() -> None:
    former = with_replacement("# card", {}, 5, NEXT)
    assert former.splitlines()[4] == "Until 2026-02-03T04:05:06+00:00"


@pytest.mark.parametrize("length", [LONGEST_DESCRIPTION - 10, LONGEST_DESCRIPTION, LONGEST_DESCRIPTION + 10])
def test_a_long_card_gives_way_to_what_is_told_of_a_promotion(length: int) -> None:
    note = with_promotion("", PROMOTION, {}, {})
    told = with_promotion("x" * length, PROMOTION, {}, {})
    assert len(told) == LONGEST_DESCRIPTION
    assert told.endswith("x\n..." + note)
    former = with_replacement(told, PROMOTION, 5, NEXT)
    assert len(former) == LONGEST_DESCRIPTION
    assert former.count("\n...") == 1
    assert former.endswith("Replaced by version 5, promoted by bob: cheaper")
