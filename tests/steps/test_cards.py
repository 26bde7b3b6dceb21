from pathlib import Path

import pytest
from taught import Taught

from kdops.deploy.bundle import write_bundle
from kdops.deploy.predictor import BundleInfo
from kdops.steps.cards import says_champion, version_card, with_promotion, with_replacement, without_promotion
from kdops.tracking import names
from kdops.tracking.registry import LONGEST_DESCRIPTION

METRICS = {
    "val.f1_macro": 0.7, "test.f1_macro": 0.6, names.F1_RETAINED: 0.9, names.KD_GAIN: 2.5,
    "cost.latency_p50_ms": 0.25, "cost.latency_p95_ms": 0.5, "cost.cpu_ms_per_text": 0.1,
    "cost.ram_peak_mb": 80.0, "cost.storage_mb": 1.25, "ratio.latency": 20.0, "ratio.cpu": 30.0,
    "ratio.ram": 2.0, "ratio.storage": 100.0,
}  # fmt: skip
PROMOTION = {
    names.PROMOTED_OVER: 3, names.PROMOTED_AT: "2026-01-02T03:04:05+00:00", names.PROMOTED_BY: "alice",
    names.PROMOTION_REASON: "better",
}  # fmt: skip
NEXT = {
    names.PROMOTED_OVER: 4, names.PROMOTED_AT: "2026-02-03T04:05:06+00:00", names.PROMOTED_BY: "bob",
    names.PROMOTION_REASON: "cheaper",
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle(taught: Taught, tmp_path_factory: pytest.TempPathFactory) -> Path:
    corpus, teacher = taught.corpus, taught.teacher.model
    info = BundleInfo(
        task=corpus.task, labels=corpus.labels, max_length=32, pad_id=teacher.pad_id, student="bert-tiny",
        dataset=corpus.name, licence=corpus.licence, teacher="scratch", recipe="kd-unlabeled", precision="fp32",
        main_metric=corpus.main_metric, main_metric_value=0.7, fingerprint="0123",
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("card") / "bundle"
    return write_bundle(folder, model=teacher.model, tokenizer=teacher.tokenizer, info=info)


class TestVersionCard:
    @pytest.fixture
    def card(self, taught: Taught, bundle: Path) -> str:
        return version_card(taught.corpus, bundle, {"test.f1_macro": 0.667}, METRICS, threads=2)

    def test_it_has_all_its_parts(self, card: str, taught: Taught) -> None:
        head, *sections = card.split("\n\n## ")
        assert head.startswith("**bert-tiny** distilled by `kd-unlabeled` from `scratch` on `")
        titles = [section.splitlines()[0] for section in sections]
        assert titles[:3] == ["Data", "Teacher and recipe", "Scores"]
        assert titles[3].startswith("Costs (fp32, 2 CPU threads, ")
        assert titles[4] == "Limits"
        assert f"- licence: {taught.corpus.licence}" in card
        assert "rows: train 12, validation 6, test 6" in card
        assert "test f1_macro 0.6670" in card
        assert "| latency p95 | 0.500 ms |  |" in card
        assert "| storage | 1.2 MB | 100.0 x |" in card
        assert "Distillation brought +2.50 points" in card
        assert "reads at most 32 pieces" in card

    def test_scores_come_with_a_spread_around_what_the_bundle_itself_scores(self, card: str) -> None:
        rows = [line.split("|")[1:-1] for line in card.splitlines() if line.startswith(("| validation", "| test"))]
        assert [cells[0].strip() for cells in rows] == ["validation", "test"]
        for cells in rows:
            low, high = map(float, cells[3].split("and"))
            assert 0 <= low <= high <= 1

    def test_it_fits_where_it_is_kept(self, card: str) -> None:
        assert len(card) < 4000


def test_a_promotion_is_told_below_the_card_and_replaces_an_earlier_one() -> None:
    told = with_promotion("# card", PROMOTION, {names.LATENCY_P95_MS: 1.5}, {names.LATENCY_P95_MS: 2.0, "val.f1": 0.5})
    assert told.splitlines() == [
        "# card", "", "## Champion", "",
        "Since 2026-01-02T03:04:05+00:00, promoted by alice over version 3: better", "",
        "| | this version | version 3 |", "|---|---:|---:|",
        "| cost.latency_p95_ms | 1.5 ms | 2 ms |", "| val.f1 | - | 0.5 |",
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
