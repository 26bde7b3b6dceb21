"""A cost is named in one place, a field of `Cost`; everything that lists costs follows."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import pytest
from bundles import COST
from distillations import PARITY, compared_baseline, distilled, result, scores
from finished_runs import add_student, add_teacher
from taught import Taught

from kdops.deploy.predictor import BundleInfo
from kdops.measure import costs
from kdops.measure.costs import Cost, CostColumn, Room, columns_of
from kdops.measure.turns import Measured, SideBySide
from kdops.report.exam import exam_frame
from kdops.report.quality_cost import quality_cost
from kdops.report.tables import best_table, dataset_table
from kdops.steps import measure as step
from kdops.steps.distill.card import version_card
from kdops.steps.distill.result import ComparedTeacher, DistilledStudent
from kdops.steps.exam.tables import students_table
from kdops.steps.measure import measure
from kdops.steps.measure_config import MeasureConfig
from kdops.tracking import names, runs, store
from kdops.tracking.recorder import cost_metrics
from kdops.tracking.results import read_results
from kdops.tracking.workarounds import shared_views


@dataclass(frozen=True, kw_only=True)
class Noisy(Cost):
    """The costs, and a made-up one."""

    noise_sone: float = costs.cost("noise", "sone", 2, room=Room.LITTLE, ratio="noise")


NOISY = Noisy(**asdict(COST), noise_sone=0.5)
TEACHER = Noisy(**asdict(COST), noise_sone=4.0)
LOGGED = cost_metrics(NOISY, TEACHER.metrics()) | {
    "val.f1_macro": 0.7, "test.f1_macro": 0.6, names.F1_RETAINED: 0.9, names.KD_GAIN: 2.5,
}  # fmt: skip


def noisy_student() -> DistilledStudent:
    teacher = ComparedTeacher("scratch", scores(0.82, 0.8), TEACHER, PARITY)
    return replace(result(int8=False), costs={"fp32": NOISY}, teacher=teacher, baseline=compared_baseline(0.7, NOISY))


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "COSTS", columns_of(Noisy))


def test_it_is_logged_with_its_ratio() -> None:
    assert {name: value for name, value in LOGGED.items() if "noise" in name} == {
        "cost.noise_sone": 0.5,
        "teacher.cost.noise_sone": 4.0,
        "ratio.noise": 8.0,
    }


@pytest.mark.usefixtures("noisy")
def test_it_is_in_the_table_of_a_distillation() -> None:
    table = replace(distilled(), result=noisy_student()).table()
    (row,) = (line.split() for line in table.splitlines() if line.startswith("noise"))
    assert row == ["noise,", "sone", "4.00", "0.50", "0.50", "8.0", "x"]


@pytest.mark.usefixtures("noisy")
def test_it_is_on_the_card_of_a_version(taught: Taught) -> None:
    corpus = taught.corpus
    info = BundleInfo(
        task=corpus.task, labels=corpus.labels, max_length=32, pad_id=0, student="bert-tiny",
        dataset=corpus.name, licence=corpus.licence, teacher="scratch", recipe="kd", precision="fp32",
        main_metric=corpus.main_metric, main_metric_value=0.7, fingerprint="0123",
    )  # fmt: skip
    assert "| noise | 0.50 sone | 8.0 x |" in version_card(corpus, noisy_student(), info, threads=1)


@pytest.mark.usefixtures("noisy", "tracking_uri")
def test_it_is_in_the_report_and_in_the_exams_tables() -> None:
    run = runs.Run(add_student("emot", add_teacher("emot"), trials=1))
    run.metrics(LOGGED)
    results = read_results()
    assert (results.students["noise_sone"].tolist(), results.students["times_noise"].tolist()) == ([0.5], [8.0])
    assert dataset_table(results).rows[-1]["noise, sone"] == "0.50"
    assert best_table(results).rows[0]["less noise"] == "8.0 x"
    assert [panel.title for panel in quality_cost(results).panels] == [
        *("F1 and latency", "F1 and RAM", "F1 and storage", "F1 and noise"),
    ]
    assert "noise, sone" in students_table(results)
    assert {"noise_sone", "times_noise"} <= set(exam_frame(results))
    shared_views.save_view(results)
    tags = store.client().get_experiment(results.students["experiment_id"].iloc[0]).tags
    assert any("metrics.`cost.noise_sone`" in view for view in tags.values())


@pytest.mark.usefixtures("noisy", "tracking_uri")
def test_it_is_shown_and_logged_by_measure(
    make_bundle: Callable[..., Path], taught: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = SideBySide((Measured((NOISY,) * 3),), other_cores=0)
    monkeypatch.setattr(step, "measure_side_by_side", lambda *args, **kwargs: together)
    config = MeasureConfig(model=str(make_bundle("small")), dataset=str(taught.folder), sweeps=False)
    assert [line.split() for line in str(measure(config)).splitlines() if line.startswith("noise")] == [
        ["noise,", "sone", "0.50"]
    ]
    logged = [run.data.metrics.get("cost.noise_sone") for run in store.search("tags.`kdops.role` = 'measure'")]
    assert sorted(logged, key=str) == [0.5, None]


def test_energy_is_listed_where_it_was_read() -> None:
    def named(known: dict[str, float]) -> list[str]:
        return [one.name for one in costs.costs(Room.SOME, known)]

    assert "energy_mj_per_text" not in named(COST.metrics())
    assert "energy_mj_per_text" in named(COST.metrics() | {"energy_mj_per_text": 3.0})
    assert "energy" not in COST.ratios(COST.metrics())


def test_values_are_shown_in_their_units() -> None:
    column = CostColumn("weights", "weights", "M", 2, scale=1e6)
    assert column.heading == "weights, M"
    assert column.shown({"cost.weights": 1_234_567}, "cost.") == "1.23"
    assert [column.in_unit(weights) for weights in (0, 52_400, 5_240, -5_240)] == ["0.00", "0.052", "0.0052", "-0.0052"]
    assert [column.shown(values, missing="-") for values in ({}, {"weights": None}, {"weights": float("nan")})] == [
        "-"
    ] * 3
    assert column.times({"weights": 2.0}) == ""


def test_every_cost_has_a_unit_in_its_name_or_is_a_count() -> None:
    assert all(one.name.endswith(("_ms", "_per_s", "_per_text", "_mb", "parameters")) for one in costs.COSTS)
    assert len({one.title for one in costs.COSTS}) == len(costs.COSTS) == len(fields(Cost))
