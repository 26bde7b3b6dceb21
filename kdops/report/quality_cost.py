"""Scores against what serving costs: which students nobody beats on both."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd

from kdops.measure.costs import CostColumn, Room, costs
from kdops.metrics import word_for
from kdops.report.chart import Axis, Chart, Panel, Series
from kdops.report.choice import best_rows, records, teacher_records, undistilled_records
from kdops.report.style import BASELINE, BLACK, GREY, STUDENTS, TEACHER_MARK, VANILLA
from kdops.tracking.results import INT8_TEACHER, Results


def quality_cost(results: Results, shown: Sequence[CostColumn] | None = None) -> Chart:
    """A panel for each data set and cost; `shown` are the costs, by default the main ones that were measured."""
    several = len(results.datasets) > 1
    return Chart(
        name="pareto",
        title="Quality and cost",
        caption="Filled: the student's best recipe by validation score; hollow: its baseline on gold labels, in the "
        "precision that is named. On the grey line stands what no other model beats on both axes; further left and "
        "higher is better.",
        panels=[
            _panel(results.of(name), cost, _title(results.of(name), cost, several))
            for name in results.datasets
            for cost in shown or costs(Room.LITTLE, results.of(name).measured)
        ],
    )


def _title(results: Results, cost: CostColumn, several: bool) -> str:
    """Of the panel of one data set; it names the data set where there are several."""
    title = f"{word_for(results.students['metric'])} and {cost.word}"
    return f"{results.datasets[0]}: {title}" if several else title


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (cost, quality) points that no other point beats: less or equal cost and more or equal quality."""
    front: list[tuple[float, float]] = []
    for cost, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or quality > front[-1][1]:
            front.append((cost, quality))
    return front


def _panel(results: Results, cost: CostColumn, title: str) -> Panel:
    series = []
    for row in records(best_rows(results.students)):
        name = f"{row['student']} {row['precision'] or ''}".strip()
        distilled = row["recipe"] != VANILLA
        series.append(_point(f"{name}, {row['recipe']}", row, row[cost.name], row["test"], filled=distilled))
        if distilled:
            name = f"{row['student']} {row['baseline_precision'] or ''}".strip()
            series.append(
                _point(f"{name}, {BASELINE}", row, row[f"baseline_{cost.name}"], row["baseline"], filled=False)
            )
    series = [one for one in series if not pd.isna(one.x[0])]
    beside = [(row, BLACK) for row in teacher_records(results)]
    beside += [(row, GREY) for row in undistilled_records(results) if row["kind"] == INT8_TEACHER]
    for row, color in beside:
        if not pd.isna([row[cost.name], row["test"]]).any():
            series.append(Series(row["name"], [row[cost.name]], [row["test"]], color, TEACHER_MARK.shape))
    front = pareto_front([(cast(float, x), y) for one in series for x, y in zip(one.x, one.y, strict=True)])
    if len(front) > 1:
        x, y = zip(*front, strict=True)
        series.insert(0, Series("best trade-offs", x, y, GREY, line="steps"))
    metric = results.students["metric"].iloc[0]
    return Panel(
        title, Axis(f"{cost.title} ({cost.unit}, log scale)", log=True), Axis(f"test {metric} (0 to 1)"), series
    )


def _point(name: str, row: Mapping[str, Any], cost: float, quality: float, *, filled: bool) -> Series:
    mark = STUDENTS[row["student"]]
    return Series(name, [cost], [quality], mark.color, mark.shape, filled=filled)
