import pytest
from distillations import result
from taught import Taught

from kdops.deploy.predictor import BundleInfo
from kdops.steps.distill.card import version_card


@pytest.fixture
def card(taught: Taught) -> str:
    corpus = taught.corpus
    info = BundleInfo(
        task=corpus.task, labels=corpus.labels, max_length=32, pad_id=0, student="bert-tiny",
        dataset=corpus.name, licence=corpus.licence, teacher="scratch", recipe="kd-unlabeled", precision="int8",
        main_metric=corpus.main_metric, main_metric_value=0.7, fingerprint="0123",
    )  # fmt: skip
    return version_card(corpus, result(), info, threads=2)


def test_it_has_all_its_parts(card: str, taught: Taught) -> None:
    head, *sections = card.split("\n\n## ")
    assert head.startswith(
        "0.760 f1_macro (95.0% of the teacher's), 0.250 ms, 11.0 MB: bert-tiny distilled by `kd-unlabeled` from "
        "`scratch` on `"
    )
    assert "keeps 95.0% of the teacher's test f1_macro" in head
    titles = [section.splitlines()[0] for section in sections]
    assert titles[0].startswith("Costs (int8, 2 CPU threads, ")
    assert titles[1:] == ["Scores", "Teacher and recipe", "Data", "Limits"]
    assert f"- licence: {taught.corpus.licence}" in card
    assert "rows: train 12, validation 6, test 6" in card
    assert "test f1_macro 0.800" in card
    assert "| latency p95 | 0.500 ms |  |" in card
    assert "| storage | 11.0 MB | 40.0 x |" in card
    assert "it is 6.0 points above its baseline" in card
    assert "reads at most 32 " in card


def test_scores_come_with_an_interval(card: str) -> None:
    rows = [line.split("|")[1:-1] for line in card.splitlines() if line.startswith(("| validation", "| test"))]
    assert [cells[0].strip() for cells in rows] == ["validation", "test"]
    for cells in rows:
        low, high = map(float, cells[3].split("and"))
        assert 0 <= low <= high <= 1


def test_it_fits_where_it_is_kept(card: str) -> None:
    assert len(card) < 4000
