"""The main job: a teacher, a tuned student beside the same one without distillation, measured, registered."""

import logging
from collections.abc import Sequence
from math import ceil
from typing import Literal

from filelock import FileLock
from pydantic import Field

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import Unlabeled
from kdops.deploy.bundle import FP32
from kdops.deploy.predictor import Predictor
from kdops.fingerprint import fingerprint
from kdops.home import home
from kdops.measure.turns import measure_side_by_side
from kdops.models.bert import check_teacher_layers
from kdops.models.kinds import STUDENTS
from kdops.models.students import check_student
from kdops.models.teacher import SCRATCH, check_teacher
from kdops.models.vectors import check_vector_file
from kdops.steps.cards import version_card
from kdops.steps.evaluation import cost_metrics, log_final_scores, prefixed
from kdops.steps.material import prepare
from kdops.steps.phases import Phases
from kdops.steps.report import report_for
from kdops.steps.setup import CheckedCorpus, TrainingDataConfig, checked_corpus, identifying_tags
from kdops.steps.student import BUNDLE, FinishedStudent, finish_student, work_fingerprint
from kdops.steps.summary import Distilled
from kdops.steps.teacher import TeacherMarks, TrainedTeacher, teacher_for
from kdops.steps.teacher_bundle import teacher_bundle
from kdops.steps.teacher_training import TeacherConfig
from kdops.steps.trials import Budget
from kdops.steps.variants import Precision, Variant, choose, variants_of
from kdops.tracking import artifacts, names, registry, runs
from kdops.tracking.names import Role
from kdops.tracking.places import study_storage
from kdops.training.devices import check_alone
from kdops.training.recipes import RECIPES, VANILLA, Recipe
from kdops.training.storage import open_storage

logger = logging.getLogger(__name__)
_VERSION_METRICS = (names.VALIDATION_PREFIX, names.TEST_PREFIX, names.COST_PREFIX, names.RATIO_PREFIX)


class DistillConfig(TrainingDataConfig):
    """The parameters of `distill`."""

    student: Literal[*STUDENTS] = "bilstm"  # type: ignore[valid-type]
    recipe: Literal[*RECIPES] = "kd-unlabeled-teacher"  # type: ignore[valid-type]
    embeddings: str | None = None
    init: Literal["random", "teacher"] = "random"
    trials: int = Field(default=4, ge=1)
    epochs: int = Field(default=10, ge=1)
    patience: int = Field(default=3, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    teacher_epochs: int = Field(default=10, ge=1)
    max_length: int = Field(default=128, ge=3)
    precision: Precision = "auto"
    threads: int = Field(default=1, ge=1)
    seed: int = Field(default=1, ge=0)
    # May hold a password, so it is never logged.
    storage: str | None = Field(default=None, exclude=True)
    workers: int = Field(default=1, ge=1)
    force: bool = False

    @property
    def budget(self) -> Budget:
        """What may be spent on the student."""
        return Budget(
            student=self.student,
            init=self.init,
            trials=self.trials,
            epochs=self.epochs,
            patience=self.patience,
            batch_size=self.batch_size,
            seed=self.seed,
            storage=study_storage(self.storage),
            workers=self.workers,
            force=self.force,
        )

    @property
    def deployment(self) -> tuple[object, ...]:
        """What of the parameters matters after training; fp32 is what there was before one could choose."""
        return (self.threads,) if self.precision == FP32 else (self.threads, self.precision)

    @property
    def rung(self) -> Recipe:
        """The recipe, with the start of the embeddings that the user chose.

        Raises:
            UserError: if that is none there is.
        """
        recipe = RECIPES[self.recipe]
        return recipe.with_embeddings(self.embeddings) if self.embeddings else recipe

    def work(self, corpus: Corpus, teacher: TeacherMarks, unlabeled: Unlabeled | None) -> str:
        """The fingerprint of all that `distill` does, which a finished run of it carries."""
        student = work_fingerprint(corpus, teacher, self.rung, unlabeled, self.budget, self.max_length)
        return fingerprint(student, *self.deployment)

    @property
    def teacher_config(self) -> TeacherConfig:
        """How its teacher is trained; `train_teacher` with the same values makes the very same one."""
        return TeacherConfig(
            **{name: getattr(self, name) for name in TrainingDataConfig.model_fields},
            epochs=self.teacher_epochs,
            learning_rate=self.learning_rate,
            max_length=self.max_length,
            seed=self.seed,
            force=self.force,
        )


def distill(config: DistillConfig, *, exam_run: str | None = None) -> Distilled:
    """Distill a teacher into a student and register it; what is finished is found and reused unless `force`.

    Args:
        config: the parameters.
        exam_run: the run that this one belongs to, which makes the report of both.

    Raises:
        UserError: for anything wrong with the parameters, the data, the teacher, the Optuna storage or the tracking
            server, before any training; or if int8 is asked for and does not pass its gate.
        RuntimeError: if a bundle does not pass its parity gate; it is not registered.
    """
    check_alone("distill")
    runs.connect()
    check_choices(config)
    checked = checked_corpus(config)
    corpus, source, recipe = checked.corpus, config.source(checked.corpus), config.rung
    check_source(config, source)
    open_storage(config.budget.storage)
    unlabeled = config.unlabeled_texts(corpus, wanted=recipe.unlabeled or source == SCRATCH)
    if recipe.unlabeled and unlabeled is None:
        logger.warning(
            "no unlabeled text lies beside %s: recipe %s goes on without; give some with unlabeled=<file.jsonl>, "
            "unlabeled=catalogue or unlabeled=augmented",
            corpus.name,
            recipe.name,
        )
    name = f"{config.student} {recipe.name} {corpus.name}"
    described = config.model_dump() | {"dataset": corpus.name, "teacher": source, "embeddings": recipe.embeddings}
    described[names.DATA] = config.dataset
    tags = identifying_tags(corpus, config.student, recipe.name)
    with runs.tracked(Role.STUDENT, name, tags=tags, config=described, parent_run_id=exam_run) as run:
        run.dataset(corpus)
        run.metrics(checked.counts | (unlabeled.metrics if unlabeled and recipe.unlabeled else {}))
        done = _Job(run, checked, unlabeled, config, recipe).work()
        if not (done.reused or exam_run):
            report_for(run, corpus.name)
        return done


def check_choices(config: DistillConfig) -> None:
    """Find out whether the student can be made as asked, which needs no data.

    Raises:
        UserError: if it cannot.
    """
    check_student(config.student, config.max_length, from_teacher=config.init == "teacher")
    if config.rung.vector_file:
        check_vector_file(config.rung.vector_file)


def check_source(config: DistillConfig, source: str) -> None:
    """Find out whether the teacher can be had, and the student start from it if that is asked.

    Raises:
        UserError: if not.
    """
    check_teacher(source)
    if config.init == "teacher":
        check_teacher_layers(source)


class _Job:
    """One distillation within its open run."""

    def __init__(
        self, run: runs.Run, checked: CheckedCorpus, unlabeled: Unlabeled | None, config: DistillConfig, recipe: Recipe
    ) -> None:
        self.run, self.checked, self.corpus = run, checked, checked.corpus
        self.unlabeled, self.config, self.recipe = unlabeled, config, recipe
        self.phases = Phases()

    def work(self) -> Distilled:
        with self.phases.timed("teacher"):
            teacher = teacher_for(self.checked, self.unlabeled, self.config.teacher_config, mark_reuse=False)
        budget, work = self.config.budget, self.config.work(self.corpus, teacher, self.unlabeled)
        found = None if self.config.force else runs.find_finished(Role.STUDENT, work)
        if found:
            return self._reuse(found, teacher)
        student = self._student(self.run, teacher, self.recipe, budget, "student")
        variants = variants_of(self.run, student.bundle, self.corpus, self.config.precision)
        baseline = self._baseline(teacher) if self.recipe.distills else student
        with self.phases.timed("measure"):
            chosen = self._measure(teacher, baseline, variants)
        version = self._register(teacher, chosen, work)
        self.run.metrics(prefixed(names.PHASE_PREFIX, self.phases.seconds))
        self.run.tags({names.FINGERPRINT: work, names.VERSION: version, names.BASELINE_RUN: baseline.run_id})
        return self._distilled(self.run.run_id, teacher, baseline.run_id, version, reused=False)

    def _student(
        self, run: runs.Run, teacher: TrainedTeacher, recipe: Recipe, budget: Budget, phase: str
    ) -> FinishedStudent:
        with self.phases.timed(f"{phase}_signals" if recipe.distills else f"{phase}_encoding"):
            material = prepare(self.corpus, teacher, recipe, self.unlabeled, self.config.max_length)
        with self.phases.timed(f"{phase}_tuning"):
            return finish_student(run, material, teacher, budget)

    def _baseline(self, teacher: TrainedTeacher) -> FinishedStudent:
        """The same student without distillation: as many trials, each of at least as many training steps."""
        labeled = len(self.corpus.splits["train"])
        unlabeled = len(self.unlabeled or []) if self.recipe.unlabeled else 0
        budget = self.config.budget.over_fewer_rows(ceil((labeled + unlabeled) / labeled))
        work = work_fingerprint(self.corpus, teacher, VANILLA, self.unlabeled, budget, self.config.max_length)
        folder = home() / "baselines"
        folder.mkdir(parents=True, exist_ok=True)
        # Students of several recipes that are distilled at the same time share it.
        with FileLock(folder / f".{work}.lock"):
            found = None if self.config.force else runs.find_finished(Role.BASELINE, work)
            if found:
                logger.info("student without distillation: reusing run %s", found)
                return FinishedStudent(found, artifacts.fetch_folder(found, BUNDLE, folder / found / BUNDLE))
            return self._new_baseline(teacher, work, budget)

    def _new_baseline(self, teacher: TrainedTeacher, work: str, budget: Budget) -> FinishedStudent:
        name = f"{self.config.student} without distillation {self.corpus.name}"
        tags = identifying_tags(self.corpus, self.config.student, VANILLA.name)
        with runs.tracked(
            Role.BASELINE, name, fingerprint=work, tags=tags, config=budget.described | {"recipe": VANILLA.name}
        ) as run:
            run.dataset(self.corpus)
            student = self._student(run, teacher, VANILLA, budget, "baseline")
            log_final_scores(run, self.corpus, Predictor.load(student.bundle))
            return student

    def _measure(self, teacher: TrainedTeacher, baseline: FinishedStudent, variants: Sequence[Variant]) -> Variant:
        """Choose what is deployed after measuring all in turns, score it, and log what each costs to its own run."""
        bundles = [teacher_bundle(teacher, self.corpus, self.config.max_length), baseline.bundle]
        bundles += [variant.bundle for variant in variants]
        inputs = self.corpus.inputs("validation")
        ours, alone, *costs = measure_side_by_side(bundles, inputs, threads=self.config.threads).costs
        runs.Run(teacher.run_id).metrics(prefixed(names.COST_PREFIX, ours.metrics()))
        if self.recipe.distills:
            runs.Run(baseline.run_id).metrics(cost_metrics(alone, ours))
        chosen, cost = choose(self.run, variants, costs, self.config.precision)
        self.run.metrics(cost_metrics(cost, ours))
        log_final_scores(self.run, self.corpus, Predictor.load(chosen.bundle))
        main = names.TEST_PREFIX + self.corpus.main_metric
        score, taught, untaught = (runs.get_metrics(one.run_id)[main] for one in (self.run, teacher, baseline))
        self.run.metrics({names.F1_RETAINED: score / taught if taught else 0.0})
        if self.recipe.distills:
            self.run.metrics({names.KD_GAIN: 100 * (score - untaught)})
        return chosen

    def _register(self, teacher: TrainedTeacher, chosen: Variant, work: str) -> int:
        metrics = runs.get_metrics(self.run.run_id)
        tags = identifying_tags(self.corpus, self.config.student, self.recipe.name) | {
            names.FINGERPRINT: work,
            names.PRECISION: chosen.precision,
            names.TEACHER_RUN: teacher.run_id,
            **{key: f"{value:.6g}" for key, value in metrics.items() if key.startswith(_VERSION_METRICS)},
        }
        return registry.register(
            chosen.bundle,
            run=self.run,
            corpus_name=self.corpus.name,
            tags=tags,
            description=version_card(self.corpus, chosen.bundle, teacher.metrics, metrics, threads=self.config.threads),
            force=self.config.force,
        )

    def _reuse(self, found: str, teacher: TrainedTeacher) -> Distilled:
        logger.info("student: reusing run %s", found)
        tags = runs.get_tags(found)
        self.run.tags({names.REUSED_RUN: found})
        self.run.metrics(runs.get_metrics(found))
        return self._distilled(found, teacher, tags[names.BASELINE_RUN], int(tags[names.VERSION]), reused=True)

    def _distilled(
        self, run_id: str, teacher: TrainedTeacher, baseline_run_id: str, version: int, *, reused: bool
    ) -> Distilled:
        return Distilled(
            dataset=self.corpus.name,
            main_metric=self.corpus.main_metric,
            run_id=run_id,
            teacher=runs.get_metrics(teacher.run_id),
            baseline=runs.get_metrics(baseline_run_id),
            student=runs.get_metrics(run_id),
            version=version,
            precision=runs.get_tags(run_id)[names.PRECISION],
            reused=reused,
        )
