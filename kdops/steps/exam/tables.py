"""The findings of an exam, as text for a terminal."""

from collections.abc import Sequence

from kdops.measure.costs import Room, costs
from kdops.metrics import word_for
from kdops.report import cells
from kdops.report.choice import number, over_seeds, records, undistilled_records
from kdops.steps.exam.fitting import costs_of
from kdops.steps.limits import Limit, mark
from kdops.steps.tables import aligned
from kdops.tracking import names
from kdops.tracking.results import Results


def students_table(results: Results, limits: Sequence[Limit] = ()) -> str:
    """A line per student and recipe, with means and standard deviations over seeds, and what needs no distillation.

    Costs that are limited are among its columns, and each says whether it holds its limit.
    """
    limited = {limit.metric for limit in limits}
    known = costs(known=results.measured)
    shown = [one for one in known if one.room <= Room.LITTLE or names.COST_PREFIX + one.name in limited]
    head = [
        "data set",
        "student",
        "recipe",
        "seeds",
        f"validation {word_for(results.students['metric'])}",
        f"test {word_for(results.students['metric'])}",
        "gain, points",
        "of the teacher",
        *(one.heading for one in shown),
    ]
    rows = [
        [
            *(str(row[name]) for name in ("dataset", "student", "recipe", "seeds")),
            cells.score(row, "validation"),
            cells.score(row, "test"),
            cells.gain(row) or "-",
            cells.retained(row) or "-",
            *(one.shown(row, missing="-") + mark(limits, names.COST_PREFIX + one.name, costs_of(row)) for one in shown),
        ]
        for row in records(over_seeds(results.students))
    ]
    rows += [
        [
            *(row["dataset"], row["name"], "-", "-"),
            *(number(row["validation"], missing="-"), number(row["test"], missing="-"), "-", "-"),
            *(one.shown(row, missing="-") for one in shown),
        ]
        for row in undistilled_records(results)
    ]
    return aligned([head, *rows]) + "\n"
