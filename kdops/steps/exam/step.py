"""`exam`: which student is best, for any data sets, students, recipes and seeds."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from kdops.machine import cores
from kdops.report.choice import best_rows
from kdops.report.exam import (
    compare_students,
    comparison_frame,
    exam_frame,
    recommendations,
    significance_table,
)
from kdops.report.page import Section
from kdops.steps.exam.cluster import RayWorkers
from kdops.steps.exam.config import RAY, ExamConfig
from kdops.steps.exam.fitting import fitting
from kdops.steps.exam.plan import Plan, make_plan
from kdops.steps.exam.progress import Progress
from kdops.steps.exam.tables import students_table
from kdops.steps.exam.work import Outcome, Workshop
from kdops.steps.limits import Limit
from kdops.steps.report import log_report
from kdops.tracking import names, runs, store
from kdops.tracking.names import Role, Status
from kdops.tracking.places import how_to_look
from kdops.tracking.results import Results, read_results, unfinished_cells
from kdops.training.workers import Workers
from kdops.workspace import home

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examined:
    """The findings of an exam.

    Attributes:
        run_id: its run.
        summary: tables and sentences for people.
        failures: a line per failed cell.
        nothing: a line per data set in which no student holds the limits.
    """

    run_id: str
    summary: str
    failures: Sequence[str]
    nothing: Sequence[str] = ()

    def __str__(self) -> str:
        return self.summary


def exam(config: ExamConfig) -> Plan | Examined:
    """Train the unfinished cells of a grid of students, and say which student is best.

    Returns:
        The plan, if that is all that is asked for; else what was found, failed cells included.

    Raises:
        UserError: a line for each thing that is wrong with the parameters or the data, before any training.
    """
    runs.connect()
    config = config.model_copy(update={"each": config.each.at_hand()})
    plan = make_plan(config, config.workers or cores())
    if config.plan:
        return plan
    logger.info("%s", plan.summary)
    described = config.each.model_dump(exclude={"dataset", "student", "recipe", "seed", "name", "force"})
    described |= {name: ",".join(getattr(config, name)) for name in ("datasets", "students", "recipes")}
    described |= {"seeds": config.seeds, "backend": config.backend, "workers": plan.workers}
    described |= {"resources": dict(config.resources), "hung_after_min": config.hung_after_min}
    with runs.tracked(Role.EXAM, f"exam {' '.join(config.datasets)}", config=described) as run:
        started = time.monotonic()
        outcomes = _worked_off(config, plan, run.run_id)
        run.metrics({"exam_s": time.monotonic() - started, **_counts(plan, outcomes)})
        failures = [f"{one.cell}: {one.error}" for one in outcomes if one.error]
        if failures:
            run.tags({names.ERROR: f"{len(failures)} of {len(plan.cells)} cells failed"})
            run.finish(Status.FAILED)
        try:
            run.table(_cells_frame(plan, outcomes, unfinished_cells(run.run_id)), "cells")
            found, nothing = _found(run, plan, outcomes, config.each.limits)
        except Exception as error:  # a full disk, say, which must not hide what became of the cells
            run.tags({names.ERROR: store.one_line(error)})
            run.finish(Status.FAILED)
            failures.append(f"what was found could not be written: {store.one_line(error)}")
            found, nothing = f"run: {run.run_id}", ()
        return Examined(run.run_id, found, failures, nothing)


def _worked_off(config: ExamConfig, plan: Plan, exam_run: str) -> list[Outcome]:
    if not plan.to_do:
        return []
    logs = home() / "exam" / exam_run
    logger.info("the log of each cell is in %s", logs)
    count = min(plan.workers, len(plan.to_do))
    outcomes = []
    with RayWorkers(count, config.resources) if config.backend == RAY else Workers(count) as processes:
        workshop = Workshop(exam_run, logs, processes, 60 * config.hung_after_min)
        progress = Progress(plan, workshop.log_of)
        with progress.shown():
            for outcome in workshop.outcomes([one.cell for one in plan.to_do], progress.begins):
                progress.ended(outcome)
                outcomes.append(outcome)
    return outcomes


def _counts(plan: Plan, outcomes: Sequence[Outcome]) -> Mapping[str, float]:
    failed = sum(bool(one.error) for one in outcomes)
    return {
        "cells": len(plan.cells),
        "cells_reused": len(plan.cells) - len(plan.to_do),
        "cells_done": len(outcomes) - failed,
        "cells_failed": failed,
    }


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


def _found(
    run: runs.Run, plan: Plan, outcomes: Sequence[Outcome], limits: Sequence[Limit]
) -> tuple[str, Sequence[str]]:
    """Log what the finished cells tell, and give it for people, with a line per data set that has nothing to offer."""
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


def _students(results: Results) -> Mapping[str, Sequence[str]]:
    """By data set, a run of each student by its best recipe."""
    best = best_rows(results.students).groupby("dataset")["run_id"].agg(list)
    return {str(name): run_ids for name, run_ids in best.items()}
