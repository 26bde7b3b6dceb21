"""Make a distilled student: teacher, logits, tuning, export, baseline, costs, scores; all of it as values."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kdops.data.corpus import Corpus
from kdops.deploy.bundle import FP32
from kdops.deploy.scoring import bundle_scores
from kdops.fingerprint import fingerprint
from kdops.measure.turns import measure_side_by_side
from kdops.metrics import Scores, bootstrap_scores, interval
from kdops.shown import Interval
from kdops.steps.distill.budget import baseline_budget, student_budget
from kdops.steps.distill.job import Job
from kdops.steps.distill.phases import Phases
from kdops.steps.distill.precision import bundle_folder, chosen_precision, deploy, exported
from kdops.steps.distill.result import (
    Baseline,
    ComparedBaseline,
    ComparedInt8Teacher,
    ComparedTeacher,
    DistilledStudent,
)
from kdops.steps.general.step import pretrained
from kdops.steps.setup import identifying_tags
from kdops.steps.student.budget import Budget
from kdops.steps.student.finish import finish_student
from kdops.steps.student.inputs import student_inputs
from kdops.steps.student.keys import student_fingerprint
from kdops.steps.student.result import StudentFacts
from kdops.steps.teacher.bundle import int8_teacher, teacher_bundle
from kdops.steps.teacher.file import check_unlabeled
from kdops.steps.teacher.result import TrainedTeacher
from kdops.steps.teacher.step import say_what_is_reused, teacher_for
from kdops.threads import allowed_threads
from kdops.tracking import names
from kdops.tracking.names import Role
from kdops.tracking.recorder import Recording, score_metrics
from kdops.training.linear import linear_baseline
from kdops.training.recipes import VANILLA, Recipe
from kdops.training.values import LinearBaseline, ModelScores
from kdops.workspace import (
    BASELINES,
    LINEAR_BASELINES,
    RESULT_FILE,
    Piece,
    find_or_make,
    load_result,
    save_result,
)

_TEACHER, _INT8_TEACHER = "teacher", "teacher int8"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lineage:
    """The runs that a student's own run names."""

    teacher_run: str
    baseline_run: str


@dataclass(frozen=True)
class FoundBaseline:
    """A baseline on this machine, and the run that made it."""

    folder: Path
    baseline: Baseline
    run_id: str

    @property
    def bundles(self) -> Mapping[str, Path]:
        """Its bundles by precision."""
        return {precision: bundle_folder(self.folder, precision, FP32) for precision in self.baseline.scores}


def make_student(job: Job, record: Recording, folder: Path) -> None:
    """Make what the parameters ask for and leave it in a folder: bundles, and a `DistilledStudent` as its result.

    Raises:
        UserError: if int8 is asked for and does not pass its gate.
        RuntimeError: if a bundle does not pass its parity gate.
    """
    config, corpus, recipe, phases = job.config, job.corpus, job.config.rung, Phases(record)
    budget = student_budget(config, corpus, job.unlabeled)
    logger.info(
        "threads: %d for the teacher (OMP_NUM_THREADS), one for each of %d trials at a time (workers=)",
        allowed_threads(),
        min(budget.workers, budget.trials),
    )
    with phases.timed("teacher"):
        teacher = teacher_for(job.checked, job.unlabeled, config.teacher_config, job.recorder)
        say_what_is_reused(teacher)
        if teacher.is_file and recipe.unlabeled and job.unlabeled:
            check_unlabeled(teacher, job.unlabeled, config.teacher_missing)
    if job.plan and recipe.general:
        with phases.timed("general"):
            pretrained(job.plan, corpus, job.recorder)
    facts = _student(job, record, teacher, recipe, budget, folder, phases, "student")
    bundles = exported(folder, corpus, config.precision)
    baseline = _baseline(job, teacher, phases) if not recipe.baseline else None
    with phases.timed("linear"):
        linear = _linear_baseline(corpus)
    with phases.timed("measure"):
        theirs = teacher_bundle(teacher, corpus)
        int8 = int8_teacher(theirs, corpus) if theirs else None
        of_baseline = baseline.bundles if baseline else {}
        asked = {**bundles.bundles, **{f"baseline {one}": bundle for one, bundle in of_baseline.items()}}
        if theirs and int8:
            asked |= {_TEACHER: theirs.path, _INT8_TEACHER: int8.path}
        measured = measure_side_by_side([*asked.values()], corpus.inputs("validation"), threads=config.threads)
        costs = dict(zip(asked, measured.costs, strict=True))
        by_precision = {precision: costs[precision] for precision in bundles.bundles}
        precision = chosen_precision(by_precision, config.precision)
        scores = bundle_scores(corpus, deploy(folder, precision))
    compared = None
    if baseline:
        same = precision if precision in of_baseline else FP32
        compared = ComparedBaseline(same, baseline.baseline.scores[same], costs[f"baseline {same}"])
    result = DistilledStudent(
        main_metric=corpus.main_metric,
        facts=facts,
        precision=precision,
        scores=scores,
        costs=by_precision,
        int8_parity=bundles.int8,
        teacher=ComparedTeacher(
            source=teacher.facts.source,
            scores=teacher.facts.scores,
            cost=costs.get(_TEACHER),
            parity=theirs.parity if theirs else None,
            texts=teacher.facts.texts,
            given_latency_ms=config.teacher_latency_ms,
            int8=ComparedInt8Teacher(int8.scores, costs[_INT8_TEACHER]) if int8 else None,
        ),
        baseline=compared,
        retained=_retained(corpus, scores, teacher.facts.scores),
        gain=_gain(corpus, scores, compared.scores) if compared else None,
        steadiness=measured.steadiness,
        seconds=phases.seconds,
        linear=linear,
    )
    save_result(folder, result)


def _linear_baseline(corpus: Corpus) -> LinearBaseline:
    """The linear baseline of a data set, made once."""
    piece = Piece(LINEAR_BASELINES, corpus.fingerprint)
    return load_result(find_or_make(piece, lambda to: save_result(to, linear_baseline(corpus))), LinearBaseline)


def _retained(corpus: Corpus, student: ModelScores, teacher: ModelScores) -> Interval | None:
    """The share of the teacher's test score that a student keeps; None: the teacher has no score there."""
    if corpus.main_metric not in teacher.test:
        return None
    (own, theirs), drawn = _bootstrapped(corpus, student, teacher)
    # Of a teacher that is never right there is no share.
    shares = drawn[:, 0] / np.where(drawn[:, 1] > 0, drawn[:, 1], np.inf)
    return interval(own / theirs if theirs else 0.0, shares)


def _gain(corpus: Corpus, student: ModelScores, baseline: ModelScores) -> Interval:
    """The points of test score that a student lies above its baseline."""
    (own, theirs), drawn = _bootstrapped(corpus, student, baseline)
    return interval(100 * (own - theirs), 100 * (drawn[:, 0] - drawn[:, 1]))


def _bootstrapped(corpus: Corpus, first: ModelScores, second: ModelScores) -> tuple[list[float], Scores]:
    labels = [first.test_labels, second.test_labels]
    whole, drawn = bootstrap_scores(corpus.task, corpus.labels, corpus.gold("test"), labels)
    return whole.tolist(), drawn


def lineage_of(job: Job, record: Recording) -> Lineage:
    """The runs of the teacher and the baseline, which are there; they are recorded where that was not done yet."""
    done = replace(job, config=job.config.model_copy(update={"force": False}))
    teacher = teacher_for(done.checked, done.unlabeled, done.config.teacher_config, done.recorder)
    baseline = _baseline(done, teacher, Phases()) if not done.config.rung.baseline else None
    return Lineage(teacher.run_id, baseline.run_id if baseline else record.run_id)


def student_tags(facts: StudentFacts, teacher_run: str) -> Mapping[str, object]:
    """The tags of a run that made a student."""
    return {
        names.STUDENT: facts.student,
        names.RECIPE: facts.recipe,
        names.TEACHER_RUN: teacher_run,
        names.BEST_TRIAL: facts.best_trial,
        names.STUDY: facts.study,
    }


def _student(
    job: Job,
    record: Recording,
    teacher: TrainedTeacher,
    recipe: Recipe,
    budget: Budget,
    folder: Path,
    phases: Phases,
    phase: str,
) -> StudentFacts:
    with phases.timed(f"{phase}_logits" if recipe.distills else f"{phase}_encoding"):
        inputs = student_inputs(job.corpus, teacher, recipe, job.unlabeled, job.config.max_length, job.plan)
    with phases.timed(f"{phase}_tuning"):
        return finish_student(inputs, budget, folder, job.recorder, record.run_id)


def _baseline(job: Job, teacher: TrainedTeacher, phases: Phases) -> FoundBaseline:
    """The same student without distillation; students of several recipes that are distilled at one time share it."""
    config, corpus, recorder = job.config, job.corpus, job.recorder
    budget, recipe = baseline_budget(config, corpus, job.unlabeled), config.rung.compared_with
    student = student_fingerprint(corpus, teacher.keys, recipe, job.unlabeled, budget, config.max_length, job.plan)
    work = fingerprint(student, BASELINES.version)
    piece = Piece(BASELINES, work)
    with piece.locked():
        run_id = None if config.force else recorder.finished(Role.BASELINE, work)

        def fetch(to: Path) -> bool:
            if run_id is None or not recorder.fetch(run_id, RESULT_FILE, to / RESULT_FILE):
                return False
            there = FoundBaseline(to, load_result(to, Baseline), run_id).bundles.values()
            return all(recorder.fetch(run_id, bundle.name, bundle) for bundle in there)

        folder = None if config.force else piece.find(fetch)
        if folder and run_id:
            return FoundBaseline(folder, load_result(folder, Baseline), run_id)
        name = f"{config.student} without distillation {corpus.name}"
        tags = identifying_tags(corpus, config.student, VANILLA.name)
        described = budget.described | {"recipe": VANILLA.name}
        with recorder.opened(Role.BASELINE, name, fingerprint=work, tags=tags, config=described) as record:
            if folder is None:

                def make(to: Path) -> None:
                    facts = _student(job, record, teacher, recipe, budget, to, phases, "baseline")
                    bundles = exported(to, corpus, "auto")
                    scores = {one: bundle_scores(corpus, bundle) for one, bundle in bundles.bundles.items()}
                    save_result(to, Baseline(facts, scores, bundles.int8))

                folder = piece.make(make)
            found = FoundBaseline(folder, load_result(folder, Baseline), record.run_id)
            _record_baseline(record, corpus, found, teacher.run_id)
        return found


def _record_baseline(record: Recording, corpus: Corpus, found: FoundBaseline, teacher_run: str) -> None:
    """Write a baseline to its run, with the scores of its fp32 bundle."""
    baseline, scores = found.baseline, found.baseline.scores[FP32]
    record.dataset(corpus)
    record.tags({**student_tags(baseline.facts, teacher_run), names.PRECISION: FP32})
    record.params({names.BEST_PREFIX + name: value for name, value in baseline.facts.best_parameters.items()})
    record.metrics(names.prefixed(names.TEST_PREFIX, scores.test) | score_metrics(scores) | baseline.facts.metrics())
    record.parity(baseline.facts.parity)
    if baseline.int8_parity:
        record.int8_parity(baseline.int8_parity)
    record.scores(corpus, scores)
    for bundle in found.bundles.values():
        record.folder(bundle, bundle.name)
    record.file(found.folder / RESULT_FILE)
