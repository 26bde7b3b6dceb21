"""Results as tables of text."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from kdops.measure.costs import CostColumn, Room, costs
from kdops.metrics import word_for
from kdops.number_text import points, score
from kdops.report import cells
from kdops.report.chart import Table
from kdops.report.choice import best_rows, number, over_seeds, records, teacher_records, undistilled_records
from kdops.report.style import VANILLA
from kdops.tracking import names
from kdops.tracking.comparable import CELL, settings_of
from kdops.tracking.results import Results


def dataset_table(results: Results) -> Table:
    """One data set: its teachers, and a line per student and recipe, with who made it where several people did."""
    shown, word = costs(Room.SOME, results.measured), word_for(results.students["metric"])
    several_people = results.students["user"].nunique() > 1
    rows = [
        {
            "student": row["name"],
            f"validation {word}": number(row["validation"]),
            f"test {word}": number(row["test"]),
            **_cells(row, shown),
        }
        for row in teacher_records(results)
    ]
    rows += [
        {
            "student": row["name"],
            f"validation {word}": number(row["validation"]),
            f"test {word}": number(row["test"]),
            **_cells(row, shown),
        }
        for row in undistilled_records(results)
    ]
    for row in records(over_seeds(results.students)):
        cells_of = {
            "student": row["student"],
            "recipe": row["recipe"],
            "precision": row["precision"] if isinstance(row["precision"], str) else "",
            "seeds": str(row["seeds"]),
            f"validation {word}": cells.score(row, "validation"),
            f"test {word}": cells.score(row, "test"),
            "of the teacher": cells.retained(row),
            **_cells(row, shown),
        }
        if row["recipe"] != VANILLA:
            cells_of[f"baseline, test {word}"] = cells.score(row, "baseline")
            cells_of["gain, points"] = cells.gain(row)
        if several_people:
            cells_of["by"] = row["user"]
        rows.append(cells_of)
    order = ["student", "recipe", "precision", "seeds", f"validation {word}", f"test {word}"]
    order += [
        f"baseline, test {word}",
        "gain, points",
        "of the teacher",
        *(one.heading for one in shown),
        *(["by"] if several_people else []),
    ]
    return Table(
        title=f"All figures ({results.students['metric'].iloc[0]})",
        caption="Teacher int8: the teacher by dynamic quantisation, nothing else. Linear: a linear model of words, its "
        "costs unmeasured. Baseline: the same student on gold labels, tuned as much, in the same precision. Means over "
        "seeds, ± standard deviation; in brackets 95 % intervals (paired bootstrap over the test rows, over seeds the "
        "mean of their ends). Costs are of the deployed bundle, one real text at a time; the "
        "teacher's were measured in turns with its best student.",
        rows=[{name: row.get(name, "") for name in order} for row in rows],
    )


def gains_table(results: Results) -> Table:
    """The gain of each student by distillation, over the data sets of a task."""
    best = best_rows(results.students)
    distilled = best[best["recipe"] != VANILLA]
    return Table(
        title="What distillation brings",
        caption="Each student's best recipe by validation score; means over the data sets, of the test split. Worse: "
        "the 95 % interval of the gain lies below 0.",
        rows=[
            {
                "student": str(student),
                "task": str(task),
                "data sets": str(len(rows)),
                "mean gain, points": points(rows["kd_gain"].mean()),
                "worse than its baseline": str((rows[f"kd_gain{names.ENDS[1]}"] < 0).sum()),
                "mean share of the teacher": number(rows["f1_retained"].mean(), ".1%"),
            }
            for (student, task), rows in distilled.groupby(["student", "task"], sort=False)
        ],
    )


def best_table(results: Results) -> Table:
    """The best student of each data set."""
    best = best_rows(results.students)
    shown, word = costs(Room.LITTLE, results.measured), word_for(results.students["metric"])
    chosen = best.loc[best.groupby("dataset")["validation"].idxmax()]
    return Table(
        title="The best student",
        caption="Student and recipe are chosen by validation score; the figures are those of the test split.",
        rows=[
            {
                "data set": row["dataset"],
                "best student": row["student"],
                "recipe": row["recipe"],
                f"test {word}": score(row["test"]),
                "of the teacher": cells.retained(row),
                **{one.cheaper: one.times(row, "times_") for one in shown if one.cheaper},
            }
            for row in records(chosen)
        ],
    )


def budget_table(results: Results) -> Table:
    """The budgets, as the runs logged them; of several rows the caption says what is the same for all."""
    found = records(over_seeds(results.students))
    settings = [
        {
            name: _setting(value)
            for name, value in settings_of(row["params"], row["settings"]).items()
            if name not in CELL
        }
        for row in found
    ]
    names = list(dict.fromkeys(name for one in settings for name in one))
    common = {
        name: settings[0][name] for name in names if len(settings) > 1 and _same([one.get(name) for one in settings])
    }
    rows = [
        {
            **{"data set": row["dataset"], "student": row["student"], "recipe": row["recipe"]},
            **{name: one.get(name, "") for name in names if name not in common},
            "texts without labels": "" if pd.isna(row["unlabeled_texts"]) else f"{row['unlabeled_texts']:.0f}",
            "minutes": f"{row['minutes']:.0f}",
        }
        for row, one in zip(found, settings, strict=True)
    ]
    # A parameter that nobody gave says nothing.
    filled = {name for row in rows for name, value in row.items() if value}
    shared = ", ".join(f"{name} {value}" for name, value in common.items() if value)
    return Table(
        title="Budget",
        caption="As many trials, and at least as many training steps, went to the baseline of each student."
        + (f" The same for all: {shared}." if shared else ""),
        rows=[{name: value for name, value in row.items() if name in filled} for row in rows],
    )


def _same(values: Sequence[str | None]) -> bool:
    return len(set(values)) == 1


def _setting(value: str) -> str:
    """A logged value; of a path or hub id the last part, since tables have little room."""
    return value.rstrip("/").rpartition("/")[-1]


def _cells(row: dict[str, Any], shown: Sequence[CostColumn]) -> dict[str, str]:
    return {one.heading: one.shown(row) for one in shown}
