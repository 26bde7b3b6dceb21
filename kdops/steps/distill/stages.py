"""Make a distilled student: teacher, logits, tuning, export, baseline, costs, scores; all of it as values."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from kdops.data.corpus import Corpus
from kdops.data.one_answer import constant_answer
from kdops.deploy.bundle_scores import bundle_scores
from kdops.errors import UserError
from kdops.steps.distill.baseline import baseline_of
from kdops.steps.distill.budget import student_budget
from kdops.steps.distill.comparison import baseline_in, compare, gain_in_points, linear_of, share_retained
from kdops.steps.distill.durations import Phases
from kdops.steps.distill.job import Job
from kdops.steps.distill.one_student import train_student
from kdops.steps.distill.precision import chosen_precision, deploy, exported
from kdops.steps.distill.result import DistilledStudent
from kdops.steps.general_distillation.step import pretrained
from kdops.steps.student.budget import Budget
from kdops.steps.teacher.result import TrainedTeacher
from kdops.steps.teacher.step import say_what_is_reused, teacher_for
from kdops.threads import allowed_threads
from kdops.tracking.recorder import Recording
from kdops.workspace import save_result

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lineage:
    """The runs that a student's own run names."""

    teacher_run: str
    baseline_run: str


def make_student(job: Job, record: Recording, folder: Path) -> None:
    """Make the student of the parameters and leave it in a folder: bundles, and a `DistilledStudent` as its result.

    Raises:
        UserError: if int8 is asked for and does not pass its gate.
        RuntimeError: if a bundle does not pass its parity gate.
    """
    config, corpus, recipe, phases = job.config, job.corpus, job.config.chosen_recipe, Phases(record)
    budget = student_budget(config, corpus, job.unlabeled)
    _say_threads(budget, teacher=config.teacher_file(corpus) is None)
    with phases.timed("teacher"):
        teacher = teacher_for(job.checked, job.unlabeled, config.teacher_config, job.recorder)
        say_what_is_reused(teacher)
    if recipe.distills:
        _check_taught(corpus, teacher)
    if job.plan and recipe.general:
        with phases.timed("general"):
            pretrained(job.plan, corpus, job.recorder)
    facts = train_student(job, record, teacher, recipe, budget, folder, phases, "student")
    bundles = exported(folder, corpus, config.precision)
    baseline = None if recipe.baseline else baseline_of(job, teacher, phases)
    with phases.timed("linear"):
        linear = linear_of(corpus)
    with phases.timed("measure"):
        beside = compare(config, corpus, bundles.bundles, teacher, baseline)
        precision = chosen_precision(beside.student, config.precision)
        scores = bundle_scores(corpus, deploy(folder, precision))
    compared = baseline_in(precision, baseline, beside.baseline) if baseline else None
    result = DistilledStudent(
        main_metric=corpus.main_metric,
        facts=facts,
        precision=precision,
        scores=scores,
        costs=beside.student,
        int8_parity=bundles.int8,
        teacher=beside.teacher,
        baseline=compared,
        retained=share_retained(corpus, scores, teacher.facts.scores),
        gain=gain_in_points(corpus, scores, compared.scores) if compared else None,
        steadiness=beside.steadiness,
        seconds=phases.seconds,
        linear=linear,
        constant=constant_answer(corpus.task, corpus.gold("validation"), scores.validation_labels),
    )
    save_result(folder, result)


def _check_taught(corpus: Corpus, teacher: TrainedTeacher) -> None:
    """Refuse a teacher that gives one answer to everything: a student of it does worse than one without.

    Raises:
        UserError: it is one.
    """
    nothing = constant_answer(corpus.task, corpus.gold("validation"), teacher.facts.scores.validation_labels)
    if nothing:
        raise UserError(
            f"the teacher learned nothing, and nothing can be distilled from it: it {nothing}; give it more "
            "teacher_epochs, a smaller learning_rate, or another teacher"
        )


def lineage_of(job: Job, record: Recording) -> Lineage:
    """The runs of the teacher and the baseline, which are there; they are recorded where that was not done yet."""
    done = replace(job, config=job.config.model_copy(update={"force": False}))
    teacher = teacher_for(done.checked, done.unlabeled, done.config.teacher_config, done.recorder)
    baseline = None if done.config.chosen_recipe.baseline else baseline_of(done, teacher, Phases())
    return Lineage(teacher.run_id, baseline.run_id if baseline else record.run_id)


def _say_threads(budget: Budget, *, teacher: bool) -> None:
    theirs = f"{allowed_threads()} for the teacher (OMP_NUM_THREADS), " if teacher else ""
    logger.info("threads: %sone for each of %d trials at a time (workers=)", theirs, min(budget.workers, budget.trials))
