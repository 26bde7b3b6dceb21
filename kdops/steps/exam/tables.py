"""The findings of an exam, as text for a terminal."""

import pandas as pd

from kdops.measure.costs import Room, costs
from kdops.report.choice import UNDISTILLED, number, over_seeds, records
from kdops.steps.tables import aligned
from kdops.tracking.results import Results


def students_table(results: Results) -> str:
    """A line per student and recipe, with means and standard deviations over seeds, and what needs no distillation."""
    shown = costs(Room.LITTLE, results.measured)
    head = [
        "data set",
        "student",
        "recipe",
        "seeds",
        "test F1",
        "gain, points",
        "of the teacher",
        *(one.heading for one in shown),
    ]
    rows = [
        [
            *(str(row[name]) for name in ("dataset", "student", "recipe", "seeds")),
            _spread(row["test"], row["test_spread"], ".3f"),
            _spread(row["kd_gain"], row["kd_gain_spread"], ".1f"),
            number(row["f1_retained"], ".1%", "-"),
            *(one.shown(row, missing="-") for one in shown),
        ]
        for row in records(over_seeds(results.students))
    ]
    rows += [
        [
            *(row["dataset"], UNDISTILLED[row["kind"]], "-", "-"),
            *(number(row["test"], missing="-"), "-", "-"),
            *(one.shown(row, missing="-") for one in shown),
        ]
        for row in records(results.undistilled)
    ]
    return aligned([head, *rows]) + "\n"


def _spread(mean: float, spread: float, form: str) -> str:
    if pd.isna(mean):
        return "-"
    return f"{mean:{form}}" if pd.isna(spread) else f"{mean:{form}} ± {spread:{form}}"
