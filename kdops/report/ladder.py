"""The scores of each student by recipe."""

from collections.abc import Sequence

import pandas as pd

from kdops.report.chart import Axis, Chart, Panel, Series
from kdops.report.choice import best_rows, over_seeds, records
from kdops.report.style import BASELINE, RECIPES, STUDENTS, TEACHER
from kdops.tracking.results import Results


def ladder(results: Results, recipes: Sequence[str] = tuple(RECIPES)) -> Chart:
    """Test score by student and recipe, a panel a data set; `recipes` are keys of `style.RECIPES`."""
    return Chart(
        name="ladder",
        title="The ladder of recipes",
        caption="Test score of each student by recipe; baseline: labels only, with as many trials and at least as "
        "many training steps. The dashed line is the best one's teacher. Error bars: standard deviation over seeds.",
        panels=[_panel(results.of(name), recipes, name) for name in results.datasets],
    )


def _panel(results: Results, recipes: Sequence[str], title: str) -> Panel:
    rows = over_seeds(results.students)
    best = best_rows(results.students)
    series = []
    for recipe in recipes:
        # Each recipe has a baseline of its own, with the budget of that recipe: the best recipe's is shown.
        found, score = (best, "baseline") if recipe == BASELINE else (rows[rows["recipe"] == recipe], "test")
        by_student = {row["student"]: row for row in records(found)}
        present = [student for student in STUDENTS if student in by_student]
        if not present:
            continue
        spread = [by_student[student][f"{score}_spread"] for student in present]
        series.append(
            Series(
                recipe,
                present,
                [by_student[student][score] for student in present],
                RECIPES[recipe].color,
                hatch=RECIPES[recipe].hatch,
                spread=None if pd.isna(spread).all() else [0.0 if pd.isna(one) else float(one) for one in spread],
            )
        )
    metric = results.students["metric"].iloc[0]
    winner = best.sort_values("validation", na_position="first")["teacher_run"].iloc[-1:]
    taught = results.teachers["test"].reindex(winner).dropna()
    level = (TEACHER, float(taught.iloc[0])) if len(taught) else None
    return Panel(title, Axis("student"), Axis(f"test {metric} (0 to 1)", span=(0, 1)), series, bars=True, level=level)
