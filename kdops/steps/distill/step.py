"""The main job: a teacher, a tuned student beside its baseline, measured, recorded, registered."""

import logging
from pathlib import Path

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import Unlabeled
from kdops.deploy.predictor import read_info
from kdops.errors import UserError, check_installed
from kdops.fingerprint import fingerprint
from kdops.models.student_kinds import check_student
from kdops.models.teachers.sources import SCRATCH, check_teacher
from kdops.models.vectors import check_vector_file
from kdops.steps.distill.budget import baseline_budget, student_budget
from kdops.steps.distill.card import version_card
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.job import Job
from kdops.steps.distill.precision import bundle_folder
from kdops.steps.distill.result import Distilled, DistilledStudent
from kdops.steps.general_distillation.plan import GeneralPlan
from kdops.steps.limits import broken
from kdops.steps.setup import check_alone, checked_corpus, described_data, identifying_tags
from kdops.steps.student.keys import student_fingerprint
from kdops.steps.teacher.file import check_unlabeled
from kdops.steps.teacher.result import TeacherKeys
from kdops.steps.teacher.step import check_teachers, teacher_keys
from kdops.tracking import names
from kdops.tracking.names import Role
from kdops.tracking.places import study_storage
from kdops.tracking.recorder import MlflowRecorder, Recorder, Recording
from kdops.training.recipes import VANILLA
from kdops.workspace import RESULT_FILE, STUDENTS, Piece, load_result

logger = logging.getLogger(__name__)


def distill(config: DistillConfig, recorder: Recorder | None = None, *, exam_run: str | None = None) -> Distilled:
    """Distill a teacher into a student and register it; what is finished is found and reused unless `force`.

    Args:
        config: the parameters.
        recorder: where runs and the registered version go; None: to MLflow.
        exam_run: the run that this one belongs to, which makes the report of both.

    Raises:
        UserError: for anything wrong with the parameters, the data, the teacher, the Optuna storage or the tracking
            server, before any training; or if int8 is asked for and does not pass its gate.
        NothingFits: if the student's weights alone are larger than the limit on storage, before any training.
        RuntimeError: if a bundle does not pass its parity gate; it is not registered.
    """
    check_alone("distill")
    recorder = recorder or MlflowRecorder()
    job = _checked(config, recorder)
    recorder.connect()
    config, corpus = job.config, job.corpus
    work = work_of(config, corpus, teacher_keys(corpus, job.unlabeled, config.teacher_config), job.unlabeled, job.plan)
    if config.force or recorder.finished(Role.STUDENT, work) is None:
        from kdops.training.storage import open_storage  # here: a finished command needs no Optuna

        open_storage(study_storage(config.storage))
    if exam_run is None:  # Students of an exam share their parameters, though these do not suit all of them.
        config.check_used(corpus)
        if config.max_storage_mb is not None:
            from kdops.steps.distill.size import check_size

            check_size(job, config.max_storage_mb)
    recipe = config.chosen_recipe
    described = config.model_dump() | described_data(config, corpus) | {"embeddings": recipe.embeddings}
    described["teacher"] = ", ".join(config.sources(corpus))
    tags = identifying_tags(corpus, config.student, recipe.name) | {names.SETTINGS: ",".join(config.settings())}
    with recorder.opened(Role.STUDENT, _run_name(job), tags=tags, config=described, parent_run_id=exam_run) as record:
        record.dataset(corpus)
        logger.info("budget: %s", _budget(job))
        done = _found_or_made(job, record, work)
        if recorder.reports and not (done.reused or exam_run):
            from kdops.steps.report import report_for

            report_for(record, corpus.name)
        return done


def _run_name(job: Job) -> str:
    return f"{job.config.student} {job.config.chosen_recipe.name} {job.corpus.name}"


def _budget(job: Job) -> str:
    """The training budget of each model, in words."""
    config = job.config
    teacher = f"at most {config.teacher_epochs} epochs (teacher_epochs)"
    if config.teacher_file(job.corpus):
        teacher = "not trained (a file)"
    elif config.teacher_mode == "as_is":
        teacher = "not trained (as_is)"
    student = student_budget(config, job.corpus, job.unlabeled)
    budget = f"teacher {teacher}; student trials={student.trials} of at most epochs={student.epochs}, which stop early"
    if config.chosen_recipe.baseline:
        return budget
    baseline = baseline_budget(config, job.corpus, job.unlabeled)
    return f"{budget}; its baseline {baseline.trials} of {baseline.epochs}, as many steps on fewer texts"


def work_of(
    config: DistillConfig,
    corpus: Corpus,
    teacher: TeacherKeys,
    unlabeled: Unlabeled | None,
    plan: GeneralPlan | None,
) -> str:
    """The fingerprint of all that `distill` does, which a finished run of it carries; the recipe must be resolved."""
    budget = student_budget(config, corpus, unlabeled)
    student = student_fingerprint(corpus, teacher, config.chosen_recipe, unlabeled, budget, config.max_length, plan)
    return fingerprint(student, STUDENTS.version, *config.deployment)


def _checked(config: DistillConfig, recorder: Recorder) -> Job:
    """Check everything that the parameters name, before any training."""
    check_choices(config)
    config = config.at_hand()
    checked = checked_corpus(config)
    corpus, config = checked.corpus, config.resolved(checked.corpus)
    recipe = config.chosen_recipe
    source = config.source(corpus)
    check_source(config, corpus)
    if recipe.embeddings == "fasttext":
        check_installed("gensim", "embeddings=fasttext")
    unlabeled = config.unlabeled_texts(corpus, wanted=recipe.unlabeled or source == SCRATCH)
    if recipe.unlabeled and unlabeled is None:
        logger.warning(
            "no unlabeled text lies beside %s: recipe %s goes on without; give some with unlabeled=<file.jsonl>, "
            "unlabeled=catalogue or unlabeled=augmented",
            corpus.name,
            recipe.name,
        )
    if recipe.unlabeled and unlabeled and config.teacher_file(corpus):
        check_unlabeled(corpus, config, unlabeled)
    return Job(config, checked, unlabeled, config.general_plan(corpus), recorder)


def check_choices(config: DistillConfig) -> None:
    """Check that the student can be made with these choices; no data is needed.

    Raises:
        UserError: if it cannot.
    """
    check_student(config.student, config.max_length, from_teacher=config.init == "teacher")
    if config.embeddings and (path := VANILLA.with_embeddings(config.embeddings).vector_file):
        check_vector_file(path)


def check_source(config: DistillConfig, corpus: Corpus) -> None:
    """Check that the teachers are available, and that the student can start from them if it is to.

    Raises:
        UserError: if not.
    """
    check_teachers(config, corpus)
    if config.general_encoder:
        check_teacher(config.general_encoder)
    if config.teacher_latency_ms is not None and config.teacher_file(corpus) is None:
        raise UserError("teacher_latency_ms is for a teacher that is a file of probabilities: an encoder is measured")
    if config.init == "teacher":
        from kdops.models.bert import check_teacher_layers

        check_teacher_layers(config.source(corpus))


def _unlabeled_counts(job: Job) -> dict[str, float]:
    return job.unlabeled.metrics if job.unlabeled and job.config.chosen_recipe.unlabeled else {}


def _found_or_made(job: Job, record: Recording, work: str) -> Distilled:
    config, corpus, recorder = job.config, job.corpus, job.recorder
    piece = Piece(STUDENTS, work)
    with piece.locked():
        run_id = None if config.force else recorder.finished(Role.STUDENT, work)
        folder = None if config.force else piece.find(lambda to: run_id is not None and _fetch(recorder, run_id, to))
        version = recorder.version_of(run_id, corpus.name) if folder and run_id else None
        if folder and run_id and version is not None:
            logger.info("student: reusing run %s", run_id)
            result = load_result(folder, DistilledStudent)
            record.tags({names.REUSED_RUN: run_id, names.RUN_NAME: f"{_run_name(job)} (reused)"})
            if _may_challenge(job, result):  # which other limits may have kept it from
                recorder.challenge(corpus.name, version)
            return _distilled(job, folder, result, run_id, version, reused=True)
        if folder is None:
            logger.info("loading PyTorch and what else training needs")
            from kdops.steps.distill.stages import make_student

            folder = piece.make(lambda to: make_student(job, record, to))
        return _recorded(job, record, folder, work)


def _fetch(recorder: Recorder, run_id: str, folder: Path) -> bool:
    if not recorder.fetch(run_id, RESULT_FILE, folder / RESULT_FILE):
        return False
    bundles = _bundles(folder, load_result(folder, DistilledStudent))
    return all(recorder.fetch(run_id, bundle.name, bundle) for bundle in bundles)


def _bundles(folder: Path, result: DistilledStudent) -> list[Path]:
    return [bundle_folder(folder, precision, result.precision) for precision in result.costs]


def _recorded(job: Job, record: Recording, folder: Path, work: str) -> Distilled:
    """Write what is there to the student's run and to the registry."""
    from kdops.steps.distill.one_student import described_student, student_tags
    from kdops.steps.distill.stages import lineage_of

    corpus, result = job.corpus, load_result(folder, DistilledStudent)
    lineage = lineage_of(job, record)
    tags = {**student_tags(result.facts, lineage.teacher_run), names.PRECISION: result.precision}
    record.tags({**tags, names.BASELINE_RUN: lineage.baseline_run})
    if result.nothing_learned:
        record.tags({names.NOTHING_LEARNED: result.nothing_learned})
    if result.baseline:
        record.tags({names.BASELINE_PRECISION: result.baseline.precision})
    record.params({names.BEST_PREFIX + name: value for name, value in result.facts.best_parameters.items()})
    bundle = bundle_folder(folder, result.precision, result.precision)
    record.served_model(bundle, corpus, *described_student(result.facts, result.precision))
    metrics = result.metrics()
    record.metrics(metrics)
    record.predictions(corpus, result.scores)
    record.parity(result.facts.parity)
    if result.int8_parity:
        record.int8_parity(result.int8_parity)
    for exported in _bundles(folder, result):
        record.folder(exported, exported.name)
    record.file(folder / RESULT_FILE)
    record.metrics(job.checked.counts | _unlabeled_counts(job))
    job.recorder.costs(lineage.teacher_run, corpus, result.teacher.costs)
    if result.baseline:
        job.recorder.costs(lineage.baseline_run, corpus, result.baseline.fp32_costs)
    validation = names.VALIDATION_PREFIX + corpus.main_metric
    card = version_card(corpus, result, read_info(bundle), threads=job.config.threads)
    record.described(result.in_short, card)
    version = job.recorder.register(
        record,
        bundle,
        corpus.name,
        tags={
            names.STUDENT: result.facts.student,
            names.RECIPE: result.facts.recipe,
            names.PRECISION: result.precision,
            names.FINGERPRINT: work,
            validation: f"{metrics[validation]:.4f}",
        },
        description=card,
        force=job.config.force,
        challenges=_may_challenge(job, result),
    )
    # Last, since they say that all of it is done.
    record.tags({names.FINGERPRINT: work} | ({} if version is None else {names.VERSION: version}))
    return _distilled(job, folder, result, record.run_id, version, reused=False)


def _may_challenge(job: Job, result: DistilledStudent) -> bool:
    return result.constant is None and not broken(job.config.limits, result.metrics())


def _distilled(
    job: Job, folder: Path, result: DistilledStudent, run_id: str, version: int | None, *, reused: bool
) -> Distilled:
    name, example = job.corpus.name, job.corpus.inputs("validation")[0]
    return Distilled(
        dataset=name,
        folder=folder,
        result=result,
        run_id=run_id,
        version=version,
        challenger=job.recorder.challenger(name),
        reused=reused,
        example=example,
        limits=job.config.limits,
    )
