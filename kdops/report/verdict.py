"""Which student of a data set is best, and what it costs: the first sentence of a page."""

import pandas as pd

from kdops import number_text
from kdops.measure.costs import Room, costs
from kdops.metrics import word_for
from kdops.report import cells
from kdops.report.chart import Table
from kdops.report.choice import (
    nothing_learned,
    over_seeds,
    records,
    teacher_records,
    undistilled_records,
    winning_linear,
)
from kdops.report.classes import best_student
from kdops.report.style import VANILLA
from kdops.tracking.results import Results


def verdict(results: Results) -> str:
    """The verdict on one data set."""
    best, shown_costs = best_student(results), costs(Room.LITTLE, results.measured)
    if nothing := nothing_learned(results.students, best):
        return number_text.of_no_use(nothing)
    parts = [f"test {best['metric']} {number_text.score(best['test'])}"]
    if kept := cells.retained(best):
        parts.append(f"{kept} of the teacher's")
    if beside := cells.beside_baseline(best):
        parts.append(beside)
    parts += [f"{one.shown(best)} {one.unit} {one.word}" for one in shown_costs if one.shown(best)]
    faster = next((one.times(best, "times_") for one in shown_costs if one.times(best, "times_")), "")
    others = len(over_seeds(results.students)) - 1
    rank = "is the only student" if not others else f"is the best of {others + 1} students by validation score"
    precision = f" {best['precision']}" if isinstance(best["precision"], str) else ""
    sentence = f"{best['student']}{precision} by {best['recipe']} {rank}: {', '.join(parts)}"
    sentence += f"; {faster} faster than the teacher." if faster else "."
    linear = winning_linear(results, best)
    if linear is None:
        return sentence
    needless = number_text.linear_is_no_worse(best["metric"], linear["validation"], best["validation"])
    return f"{sentence} {needless}"


def short_table(results: Results) -> Table:
    """One data set in as few columns as tell it: score, gain, share of the teacher, main costs."""
    shown_costs, word = costs(Room.LITTLE, results.measured), word_for(results.students["metric"])
    rows = [
        {
            "student": row["name"],
            f"test {word}": "" if pd.isna(row["test"]) else number_text.score(row["test"]),
            **{one.heading: one.shown(row) for one in shown_costs},
        }
        for row in teacher_records(results)
    ]
    rows += [
        {
            "student": row["name"],
            f"test {word}": "" if pd.isna(row["test"]) else number_text.score(row["test"]),
            **{one.heading: one.shown(row) for one in shown_costs},
        }
        for row in undistilled_records(results)
    ]
    for row in records(over_seeds(results.students)):
        precision = f" {row['precision']}" if isinstance(row["precision"], str) else ""
        rows.append(
            {
                "student": f"{row['student']}{precision}, {row['recipe']}",
                f"test {word}": cells.score(row, "test"),
                "gain, points": cells.gain(row) if row["recipe"] != VANILLA else "",
                "of the teacher": cells.retained(row),
                **{one.heading: one.shown(row) for one in shown_costs},
            }
        )
    order = ["student", f"test {word}", "gain, points", "of the teacher", *(one.heading for one in shown_costs)]
    return Table(
        title=f"Scores and costs ({results.students['metric'].iloc[0]})",
        caption="Gain: over the same student on gold labels, tuned as much, in the same precision. In brackets: 95 % "
        "intervals by paired bootstrap over the test rows. Costs: of the deployed bundle.",
        rows=[{name: row.get(name, "") for name in order} for row in rows],
    )
