"""Tune a student, export the best trial, prove the export: with distillation and without, all the same."""

from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock
from optuna.trial import FrozenTrial
from torch import nn

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import Unlabeled
from kdops.deploy.bundle import FP32, write_bundle
from kdops.deploy.parity import check_parity
from kdops.deploy.predictor import BundleInfo, Predictor
from kdops.fingerprint import fingerprint
from kdops.home import home
from kdops.models.students import parameter_counts
from kdops.steps.evaluation import prefixed
from kdops.steps.material import Material, material_fingerprint
from kdops.steps.start import start_of
from kdops.steps.teacher import TeacherMarks, TrainedTeacher
from kdops.steps.trials import Budget, tuned_student
from kdops.tracking import names, runs
from kdops.training.recipes import Recipe

_VERSION = 4
"""Raised when the same configuration would train a better or worse student than before; other random draws do not."""

BUNDLE = "bundle"

_NOT_COMPUTED = ("trials", "storage", "workers", "force")
"""What of a budget does not change what a trial of it computes."""


@dataclass(frozen=True)
class FinishedStudent:
    """A student that passed its parity gate.

    Attributes:
        run_id: the MLflow run that made it.
        bundle: its bundle in fp32, on this machine.
    """

    run_id: str
    bundle: Path


def work_fingerprint(
    corpus: Corpus,
    teacher: TeacherMarks,
    recipe: Recipe,
    unlabeled: Unlabeled | None,
    budget: Budget,
    max_length: int,
) -> str:
    """What names a tuned student, whether it is there or not."""
    material = material_fingerprint(corpus, teacher, recipe, unlabeled, max_length)
    return fingerprint(study_fingerprint(material, teacher, budget), budget.trials)


def study_fingerprint(material_fingerprint: str, teacher: TeacherMarks, budget: Budget) -> str:
    """What names a study: all but the number of trials, which may grow, and where and by how many it is done."""
    kept = {key: value for key, value in asdict(budget).items() if key not in _NOT_COMPUTED}
    if budget.init == "teacher":
        # Without distillation its weights are no part of the material.
        kept["init"] = teacher.fingerprint
    return fingerprint(_VERSION, material_fingerprint, kept)


def finish_student(run: runs.Run, material: Material, teacher: TrainedTeacher, budget: Budget) -> FinishedStudent:
    """Tune, export and check a student in an open run.

    Raises:
        RuntimeError: if the exported graph does not say what the trained model says.
    """
    study_name = f"{material.corpus.name}-{budget.student}-{material.recipe.name}-"
    study_name += study_fingerprint(material.fingerprint, teacher, budget)
    folder = home() / "studies" / study_name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        start = start_of(
            budget.student, material, from_teacher=budget.init == "teacher", seed=budget.seed, folder=folder
        )
        student, best = tuned_student(start, budget, study_name, folder, run.run_id)
        # Another run of this study may come next: it must not replace what this one uploads and measures meanwhile.
        bundle = write_bundle(
            folder / run.run_id / BUNDLE,
            model=student,
            tokenizer=material.vocabulary.tokenizer,
            info=_info(material, teacher, budget, best, study_name),
        )
    run.tags({names.STUDENT: budget.student, names.RECIPE: material.recipe.name, names.TEACHER_RUN: teacher.run_id})
    run.tags({names.BEST_TRIAL: best.number, names.STUDY: study_name, names.PRECISION: FP32})
    run.params({names.BEST_PREFIX + key: value for key, value in best.params.items()})
    _log_sizes(run, material, student)
    if start.coverage is not None:
        run.metrics({"embedding_coverage": start.coverage})
    run.folder(bundle, BUNDLE)
    _pass_parity_gate(run, material, student, Predictor.load(bundle))
    return FinishedStudent(run.run_id, bundle)


def _info(
    material: Material, teacher: TrainedTeacher, budget: Budget, best: FrozenTrial, study_name: str
) -> BundleInfo:
    corpus = material.corpus
    assert best.value is not None
    return BundleInfo(
        task=corpus.task,
        labels=corpus.labels,
        max_length=material.max_length,
        pad_id=material.pad_id,
        student=budget.student,
        dataset=corpus.name,
        licence=corpus.licence,
        teacher=teacher.source,
        recipe=material.recipe.name,
        precision=FP32,
        main_metric=corpus.main_metric,
        main_metric_value=best.value,
        fingerprint=study_name.rpartition("-")[2],
    )


def _log_sizes(run: runs.Run, material: Material, student: nn.Module) -> None:
    total, outside = parameter_counts(student)
    run.metrics(
        {
            "parameters": total,
            "parameters_without_embeddings": outside,
            "vocabulary_size": material.vocabulary.size,
            "unlabeled_texts": material.unlabeled_texts,
            "signals_computed": material.signals_computed,
        }
    )


def _pass_parity_gate(run: runs.Run, material: Material, student: nn.Module, predictor: Predictor) -> None:
    corpus = material.corpus
    parity = check_parity(student, predictor, corpus.inputs("validation"), corpus.gold("validation"))
    run.metrics(prefixed(names.PARITY_PREFIX, parity.numbers()))
    run.tags({names.PARITY: "passed" if parity.passed else "failed"})
    if not parity.passed:
        raise RuntimeError(f"the ONNX bundle does not match the trained student and is not registered: {parity.reason}")
