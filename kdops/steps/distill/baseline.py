"""The baseline of a student: the same one on gold labels at the same budget, made once for all recipes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kdops import number_text
from kdops.data.corpus import Corpus
from kdops.deploy.bundle import FP32
from kdops.deploy.bundle_scores import bundle_scores
from kdops.fingerprint import fingerprint
from kdops.steps.distill.budget import baseline_budget
from kdops.steps.distill.durations import Phases
from kdops.steps.distill.job import Job
from kdops.steps.distill.one_student import described_student, student_tags, train_student
from kdops.steps.distill.precision import bundle_folder, exported
from kdops.steps.distill.result import Baseline
from kdops.steps.setup import identifying_tags
from kdops.steps.student.keys import student_fingerprint
from kdops.steps.teacher.result import TrainedTeacher
from kdops.tracking import names
from kdops.tracking.names import Role
from kdops.tracking.recorder import Recording, score_metrics
from kdops.training.recipes import VANILLA
from kdops.workspace import BASELINES, RESULT_FILE, Piece, load_result, save_result


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


def baseline_of(job: Job, teacher: TrainedTeacher, phases: Phases) -> FoundBaseline:
    """The same student without distillation; students of several recipes that are distilled at one time share it."""
    config, corpus, recorder = job.config, job.corpus, job.recorder
    budget, recipe = baseline_budget(config, corpus, job.unlabeled), config.chosen_recipe.compared_with
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
                    facts = train_student(job, record, teacher, recipe, budget, to, phases, "baseline")
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
    record.model(Role.BASELINE, corpus, *described_student(baseline.facts, FP32))
    record.metrics(score_metrics(scores) | baseline.facts.metrics())
    short = f"{number_text.score(scores.test[corpus.main_metric])} {corpus.main_metric} in {FP32}"
    record.described(
        short,
        f"{short} on the test split of `{corpus.name}`: {baseline.facts.student} on gold labels only, the baseline "
        "that distilled students of the same kind and budget are compared with",
    )
    record.parity(baseline.facts.parity)
    if baseline.int8_parity:
        record.int8_parity(baseline.int8_parity)
    record.predictions(corpus, scores)
    for bundle in found.bundles.values():
        record.folder(bundle, bundle.name)
    record.file(found.folder / RESULT_FILE)
