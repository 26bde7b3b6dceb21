"""F1 against what serving costs: which students nobody beats on both."""

from collections.abc import Sequence
from typing import cast

import pandas as pd

from kdops.report.chart import Axis, Chart, Panel, Series
from kdops.report.choice import best_rows, records
from kdops.report.style import BLACK, GREY, STUDENTS, TEACHER_MARK
from kdops.tracking.results import Results

COSTS = {
    "latency_p50_ms": "latency of one text, median (ms, log scale)",
    "ram_peak_mb": "peak memory of the serving process (MB, log scale)",
    "storage_mb": "model on disk (MB, log scale)",
}


def quality_cost(results: Results, costs: Sequence[str] = tuple(COSTS)) -> Chart:
    """A panel for each data set and cost; `costs` are keys of `COSTS`."""
    several = len(results.datasets) > 1
    return Chart(
        name="pareto",
        title="Quality and cost",
        caption="Filled: the student's best recipe by validation F1; hollow: the same student without distillation. "
        "On the grey line stands what no other model beats on both axes; further left and higher is better.",
        panels=[
            _panel(results.of(name), cost, f"{name}: F1 and {_short(cost)}" if several else f"F1 and {_short(cost)}")
            for name in results.datasets
            for cost in costs
        ],
    )


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (cost, quality) points that no other point beats: less or equal cost and more or equal quality."""
    front: list[tuple[float, float]] = []
    for cost, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or quality > front[-1][1]:
            front.append((cost, quality))
    return front


def _short(cost: str) -> str:
    return {"latency_p50_ms": "latency", "ram_peak_mb": "memory", "storage_mb": "storage"}[cost]


def _panel(results: Results, cost: str, title: str) -> Panel:
    series = []
    for row in records(best_rows(results.students)):
        student = row["student"]
        alone = results.baselines[results.baselines.index == row["baseline_run"]]
        series.append(_point(f"{student}, {row['recipe']}", pd.Series(row), cost, filled=row["recipe"] != "vanilla"))
        if row["recipe"] != "vanilla" and not alone.empty:
            series.append(_point(f"{student} alone", alone.iloc[0], cost, filled=False))
    teachers = results.teachers.dropna(subset=[cost, "test"])
    if not teachers.empty:
        series.append(Series("teacher", teachers[cost].tolist(), teachers["test"].tolist(), BLACK, TEACHER_MARK.shape))
    front = pareto_front([(cast(float, x), y) for one in series for x, y in zip(one.x, one.y, strict=True)])
    if len(front) > 1:
        x, y = zip(*front, strict=True)
        series.insert(0, Series("best trade-offs", x, y, GREY, line="steps"))
    metric = results.students["metric"].iloc[0]
    return Panel(title, Axis(COSTS[cost], log=True), Axis(f"test {metric} (0 to 1)"), series)


def _point(name: str, row: pd.Series, cost: str, *, filled: bool) -> Series:
    mark = STUDENTS[row["student"]]
    return Series(name, [row[cost]], [row["test"]], mark.color, mark.shape, filled=filled)
