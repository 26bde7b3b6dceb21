"""The findings of an exam: which student is best, for its run, the report, and people at a terminal."""

from collections.abc import Mapping, Sequence

import pandas as pd

from kdops.report.choice import best_rows
from kdops.report.exam import (
    compare_students,
    comparison_frame,
    exam_frame,
    recommendations,
    significance_table,
)
from kdops.report.page import Section
from kdops.steps.exam.fitting import fitting
from kdops.steps.exam.plan import Plan
from kdops.steps.exam.tables import students_table
from kdops.steps.exam.work import Outcome
from kdops.steps.limits import Limit
from kdops.steps.report import log_report
from kdops.tracking import runs
from kdops.tracking.places import how_to_look
from kdops.tracking.results import Results, read_results, unfinished_cells


def log_findings(
    run: runs.Run, plan: Plan, outcomes: Sequence[Outcome], limits: Sequence[Limit]
) -> tuple[str, Sequence[str]]:
    """Log the cells and the findings of those that are finished.

    Returns:
        The findings for people, and a line for each data set of which no student holds the limits.
    """
    run.table(_cells_frame(plan, outcomes, unfinished_cells(run.run_id)), "cells")
    done = {one.finished for one in plan.cells if one.finished} | {one.run_id for one in outcomes if one.run_id}
    if not done:
        return "no cell is finished", ()
    results = read_results(run_ids={one for one in done if one})
    fits = fitting(results, limits)
    comparisons = compare_students(fits.results)
    among = "within the limits, " if limits else ""
    sentences = [*recommendations(fits.results, comparisons, among), *fits.sentences]
    significance = significance_table(fits.results, comparisons)
    run.table(exam_frame(results), "students")
    run.table(results.undistilled, "undistilled")
    run.table(comparison_frame(comparisons), "comparisons")
    run.text("\n".join(sentences) + "\n", "recommendation.txt")
    tables = [significance] if significance.rows else []
    log_report(run, results, [Section("The exam", sentences, tables=tables)])
    look = how_to_look(_students(results))
    parts = [students_table(results, limits), *sentences, "", f"run: {run.run_id}", f"look at the runs: {look}"]
    return "\n".join(["", *parts]), fits.nothing


def _cells_frame(
    plan: Plan, outcomes: Sequence[Outcome], unfinished: Mapping[tuple[str, str, str, int], str]
) -> pd.DataFrame:
    by_cell = {one.cell: one for one in outcomes}
    rows = []
    for planned in plan.cells:
        cell, outcome = planned.cell, by_cell.get(planned.cell)
        error = outcome.error if outcome else ""
        done = planned.finished or (outcome.run_id if outcome else None)
        rows.append(
            {
                "dataset": cell.dataset,
                "student": cell.student,
                "recipe": cell.recipe,
                "seed": cell.seed,
                "state": "reused" if planned.finished else "failed" if error else "done",
                "run_id": done or unfinished.get((cell.dataset, cell.student, cell.recipe, cell.seed), ""),
                "error": error,
            }
        )
    return pd.DataFrame(rows)


def _students(results: Results) -> Mapping[str, Sequence[str]]:
    """By data set, a run of each student by its best recipe."""
    best = best_rows(results.students).groupby("dataset")["run_id"].agg(list)
    return {str(name): run_ids for name, run_ids in best.items()}
