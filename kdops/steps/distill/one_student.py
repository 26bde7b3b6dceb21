"""One student of a distillation: its inputs, its trials, its fp32 bundle."""

from collections.abc import Mapping
from pathlib import Path

from kdops.steps.distill.durations import Phases
from kdops.steps.distill.job import Job
from kdops.steps.student.budget import Budget
from kdops.steps.student.finish import finish_student
from kdops.steps.student.inputs import student_inputs
from kdops.steps.student.result import StudentFacts
from kdops.steps.teacher.result import TrainedTeacher
from kdops.tracking import names
from kdops.tracking.recorder import Recording
from kdops.training.recipes import Recipe


def train_student(
    job: Job,
    record: Recording,
    teacher: TrainedTeacher,
    recipe: Recipe,
    budget: Budget,
    folder: Path,
    phases: Phases,
    phase: str,
) -> StudentFacts:
    """Train a student, or its baseline, by a recipe, and leave its fp32 bundle in a folder.

    Args:
        job: the data and the parameters.
        record: the open run that its trials belong to.
        teacher: its teacher.
        recipe: its recipe.
        budget: its training budget.
        folder: gets the bundle.
        phases: takes the seconds.
        phase: their name, `student` or `baseline`.
    """
    with phases.timed(f"{phase}_logits" if recipe.distills else f"{phase}_encoding"):
        inputs = student_inputs(job.corpus, teacher, recipe, job.unlabeled, job.config.max_length, job.plan)
    with phases.timed(f"{phase}_tuning"):
        return finish_student(inputs, budget, folder, job.recorder, record.run_id)


def student_tags(facts: StudentFacts, teacher_run: str) -> Mapping[str, object]:
    """The tags of a run that made a student."""
    return {
        names.STUDENT: facts.student,
        names.RECIPE: facts.recipe,
        names.TEACHER_RUN: teacher_run,
        names.BEST_TRIAL: facts.best_trial,
        names.STUDY: facts.study,
    }


def described_student(facts: StudentFacts, precision: str) -> tuple[str, Mapping[str, object]]:
    """The name of a student's logged model, and what it is."""
    what = {"student": facts.student, "recipe": facts.recipe, "precision": precision}
    return "-".join(what.values()), what
