"""`exam`: which student is best, for any data sets, students, recipes and seeds."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdops.machine import cores
from kdops.steps.exam.cluster import RayWorkers
from kdops.steps.exam.config import RAY, ExamConfig
from kdops.steps.exam.plan import Plan, check_exam, make_plan
from kdops.steps.exam.progress import Progress
from kdops.steps.exam.work import Outcome, Workshop
from kdops.tracking import names, runs, store
from kdops.tracking.names import Role, Status
from kdops.tracking.places import study_storage
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
    config = config.model_copy(update={"each": config.each.at_hand()})
    data = check_exam(config)
    runs.connect()
    from kdops.training.storage import open_storage  # here: wrong data are told before Optuna is imported

    open_storage(study_storage(config.each.storage))
    plan = make_plan(config, data, config.workers or cores())
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
            from kdops.steps.exam.findings import log_findings  # here: it loads what draws and tabulates

            found, nothing = log_findings(run, plan, outcomes, config.each.limits)
            if nothing and not failures:
                run.tags({names.STATUS: Status.FINISHED})  # The exit code that says so is no failure.
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
