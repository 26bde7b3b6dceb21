"""How training went, epoch by epoch."""

from collections.abc import Iterator

import pandas as pd

from kdops.report.chart import Axis, Chart, Panel, Series
from kdops.report.choice import best_rows, records, teacher_records, title
from kdops.report.style import BLACK, STUDENTS, TEACHER_MARK, VANILLA
from kdops.tracking.results import Results, read_curves

_MOST_MARKS = 40
"""More of them hide their line."""


def training(results: Results, trials: pd.DataFrame) -> Iterator[Chart]:
    """Loss and validation score of the best trials of one data set, the teacher's beside them.

    Args:
        results: one data set's.
        trials: theirs, as `read_trials` gives them.
    """
    metric = str(results.students["metric"].iloc[0])
    losses: list[Series] = []
    scores: list[Series] = []
    for name, run_id, color, shape, filled in _runs(results, trials):
        curves = read_curves(run_id, metric)
        for column, series in (("loss", losses), ("score", scores)):
            values = curves[column].dropna()
            if len(values):
                line = "solid" if filled else "dashed"
                marker = shape if len(values) <= _MOST_MARKS else None
                series.append(Series(name, values.index.tolist(), values.tolist(), color, marker, filled, line))  # type: ignore[arg-type]
    if scores:
        epoch = Axis("epoch", whole=True)
        yield Chart(
            name="training",
            title="Training curves",
            caption="The best trial of each student, its baseline on gold labels (hollow, dashed) and the "
            "teacher. Losses compare within one line only: gold labels are in nats, teacher logits squared.",
            panels=[
                Panel("Training loss", epoch, Axis("training loss (nats or logits squared, log scale)", True), losses),
                Panel("Validation score", epoch, Axis(f"validation {metric} (0 to 1)"), scores),
            ],
        )


def _runs(results: Results, trials: pd.DataFrame) -> Iterator[tuple[str, str, str, str, bool]]:
    """Name, run id, colour, shape and filling of each curve."""
    chosen = best_rows(results.students)
    baselines = results.baselines[results.baselines.index.isin(set(chosen["baseline_run"]))]
    for row in records(pd.concat([chosen, baselines]).drop_duplicates("study")):
        complete = trials[(trials["study"] == row["study"]) & (trials["trial_state"] == "complete")]
        if not complete.empty:
            mark = STUDENTS[row["student"]]
            yield title(row), str(complete["validation"].idxmax()), mark.color, mark.shape, row["recipe"] != VANILLA
    for run_id, row in zip(results.teachers.index, teacher_records(results), strict=True):
        yield row["name"], str(run_id), BLACK, TEACHER_MARK.shape, True
