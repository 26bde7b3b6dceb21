"""Results as tables of text."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from kdops.measure.costs import CostColumn, Room, costs
from kdops.report.chart import Table
from kdops.report.choice import UNDISTILLED, best_rows, number, over_seeds, records
from kdops.report.style import TEACHER, VANILLA
from kdops.tracking.comparable import CELL, settings_of
from kdops.tracking.results import Results


def dataset_table(results: Results) -> Table:
    """One data set: its teachers, and a line per student and recipe, with who made it where several people did."""
    shown = costs(Room.SOME, results.measured)
    several_people = results.students["user"].nunique() > 1
    rows = [
        {
            "student": TEACHER,
            "validation F1": number(row["validation"]),
            "test F1": number(row["test"]),
            **_cells(row, shown),
        }
        for row in records(results.teachers)
    ]
    rows += [
        {
            "student": UNDISTILLED[row["kind"]],
            "validation F1": number(row["validation"]),
            "test F1": number(row["test"]),
            **_cells(row, shown),
        }
        for row in records(results.undistilled)
    ]
    for row in records(over_seeds(results.students)):
        cells = {
            "student": row["student"],
            "recipe": row["recipe"],
            "precision": row["precision"] if isinstance(row["precision"], str) else "",
            "seeds": str(row["seeds"]),
            "validation F1": _spread(row, "validation"),
            "test F1": _spread(row, "test"),
            "of the teacher": number(row["f1_retained"], ".1%"),
            **_cells(row, shown),
        }
        if row["recipe"] != VANILLA:
            cells["alone, test F1"] = _spread(row, "alone")
            cells["gain, points"] = _spread(row, "kd_gain", "+.1f", ".1f")
        if several_people:
            cells["by"] = row["user"]
        rows.append(cells)
    order = ["student", "recipe", "precision", "seeds", "validation F1", "test F1", "alone, test F1", "gain, points"]
    order += ["of the teacher", *(one.heading for one in shown), *(["by"] if several_people else [])]
    return Table(
        title=f"Scores and costs ({results.students['metric'].iloc[0]})",
        caption="Teacher int8: the teacher by dynamic quantisation, nothing else. Linear: a linear model of words, its "
        "costs unmeasured. Alone: the same student without distillation, tuned as much. Means over seeds, ± "
        "standard deviation. Costs are of the deployed bundle, one real text at a time.",
        rows=[{name: row.get(name, "") for name in order} for row in rows],
    )


def gains_table(results: Results) -> Table:
    """The gain of each student by distillation, over the data sets."""
    best = best_rows(results.students)
    return Table(
        title="What distillation brings",
        caption="Each student's best recipe by validation F1; means over the data sets, of the test split.",
        rows=[
            {
                "student": str(student),
                "data sets": str(len(rows)),
                "mean gain, points": f"{rows['kd_gain'].mean():+.1f}",
                "mean share of the teacher": number(rows["f1_retained"].mean(), ".1%"),
            }
            for student, rows in best[best["recipe"] != VANILLA].groupby("student", sort=False)
        ],
    )


def best_table(results: Results) -> Table:
    """The best student of each data set."""
    best = best_rows(results.students)
    shown = costs(Room.LITTLE, results.measured)
    chosen = best.loc[best.groupby("dataset")["validation"].idxmax()]
    return Table(
        title="The best student",
        caption="Student and recipe are chosen by validation F1; the figures are those of the test split.",
        rows=[
            {
                "data set": row["dataset"],
                "best student": row["student"],
                "recipe": row["recipe"],
                "test F1": f"{row['test']:.3f}",
                "of the teacher": number(row["f1_retained"], ".1%"),
                **{one.cheaper: one.times(row, "times_") for one in shown if one.cheaper},
            }
            for row in records(chosen)
        ],
    )


def budget_table(results: Results) -> Table:
    """The budgets, as the runs logged them."""
    rows = []
    for row in records(over_seeds(results.students)):
        texts = row["unlabeled_texts"]
        rows.append(
            {
                "data set": row["dataset"],
                "student": row["student"],
                "recipe": row["recipe"],
                **{
                    name: _setting(value)
                    for name, value in settings_of(row["params"], row["settings"]).items()
                    if name not in CELL
                },
                "texts without labels": "" if pd.isna(texts) else f"{texts:.0f}",
                "minutes": f"{row['minutes']:.0f}",
            }
        )
    # A parameter that nobody gave says nothing.
    said = {name for row in rows for name, value in row.items() if value}
    return Table(
        title="Budget",
        caption="As many trials, and at least as many training steps, went to each student alone.",
        rows=[{name: value for name, value in row.items() if name in said} for row in rows],
    )


def _setting(value: str) -> str:
    """A logged value; of a path or hub id the last part, since tables have little room."""
    return "" if value == "None" else value.rstrip("/").rpartition("/")[-1]


def _cells(row: dict[str, Any], shown: Sequence[CostColumn]) -> dict[str, str]:
    return {one.heading: one.shown(row) for one in shown}


def _spread(row: dict[str, float], name: str, form: str = ".3f", spread_form: str = ".3f") -> str:
    """The mean, and with several seeds the standard deviation."""
    mean, spread = row[name], row[f"{name}_spread"]
    return number(mean, form) if pd.isna(mean) or pd.isna(spread) else f"{mean:{form}} ± {spread:{spread_form}}"
