"""Tune a student, export the best trial, prove the export, score it: with distillation and without, all the same."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import optuna
import torch
from filelock import FileLock
from optuna.trial import FrozenTrial
from safetensors.torch import load_model, save_model
from torch import nn

from kdops.deploy.bundle import write_bundle
from kdops.deploy.onnx import check_parity
from kdops.deploy.predictor import BundleInfo, Predictor, TextPrediction
from kdops.fingerprint import fingerprint
from kdops.home import home
from kdops.metrics import confusion, score
from kdops.models.embeddings import fit_width
from kdops.models.students import build_student, embedding_table, parameter_counts
from kdops.steps.evaluation import log_epoch, prefixed
from kdops.steps.figures import confusion_matrix, curves
from kdops.steps.material import Material
from kdops.steps.teacher import TrainedTeacher
from kdops.tracking import names, runs
from kdops.tracking.names import Role, Status
from kdops.training.loop import Epoch, Fit, LoopConfig, fit
from kdops.training.tuning import Candidate, open_study, run_trials, suggest

logger = logging.getLogger(__name__)

_VERSION = 1
"""Raised when the same configuration would train another student than before."""

BUNDLE = "bundle"


@dataclass(frozen=True)
class Budget:
    """What may be spent on a student, with and without distillation alike."""

    student: str
    trials: int
    epochs: int
    batch_size: int
    seed: int
    storage: str
    force: bool


@dataclass(frozen=True)
class FinishedStudent:
    """A student that passed its parity gate.

    Attributes:
        run_id: the MLflow run that made it.
        bundle: its bundle, on this machine.
        metrics: everything that run measured.
    """

    run_id: str
    bundle: Path
    metrics: Mapping[str, float]


def study_fingerprint(material_fingerprint: str, budget: Budget) -> str:
    """What names a study: all but the number of trials, which may grow, and where it is stored."""
    kept = {key: value for key, value in asdict(budget).items() if key not in ("trials", "storage", "force")}
    return fingerprint(_VERSION, material_fingerprint, kept)


def finish_student(run: runs.Run, material: Material, teacher: TrainedTeacher, budget: Budget) -> FinishedStudent:
    """Tune, export, check and score a student in an open run.

    Raises:
        RuntimeError: if the exported graph does not say what the trained model says.
    """
    study_name = f"{material.corpus.name}-{budget.student}-{material.recipe.name}-"
    study_name += study_fingerprint(material.fingerprint, budget)
    folder = home() / "studies" / study_name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        best = _tune(material, budget, study_name, folder)
        student = _student(material, budget)
        load_model(student, _weights(folder, best.number))
        bundle = write_bundle(
            folder / BUNDLE,
            model=student.eval(),
            tokenizer=material.vocabulary.tokenizer,
            info=_info(material, teacher, budget, best, study_name),
        )
    run.tags({names.STUDENT: budget.student, names.RECIPE: material.recipe.name, names.TEACHER_RUN: teacher.run_id})
    run.tags({names.BEST_TRIAL: best.number, names.STUDY: study_name, names.PRECISION: "fp32"})
    run.metrics(prefixed("best.", {key: value for key, value in best.params.items() if isinstance(value, float)}))
    _log_sizes(run, material, student)
    run.folder(bundle, BUNDLE)
    predictor = Predictor.load(bundle)
    _pass_parity_gate(run, material, student, predictor)
    _log_test_scores(run, material, predictor)
    return FinishedStudent(run.run_id, bundle, runs.get_metrics(run.run_id))


def _tune(material: Material, budget: Budget, study_name: str, folder: Path) -> FrozenTrial:
    study = open_study(
        study_name, budget.storage, distills=material.recipe.distills, seed=budget.seed, force=budget.force
    )

    def objective(trial: optuna.Trial) -> float:
        candidate = suggest(trial, distills=material.recipe.distills)
        name = f"trial {trial.number} {material.recipe.name}"
        tags = {
            names.DATASET: material.corpus.name,
            names.TASK: material.corpus.task,
            names.STUDENT: budget.student,
            names.RECIPE: material.recipe.name,
            names.STUDY: study_name,
        }
        with runs.tracked(Role.TRIAL, name, tags=tags, config=candidate.parameters) as run:
            trial.set_user_attr("mlflow_run_id", run.run_id)
            try:
                result = _train(run, material, budget, candidate, trial, _weights(folder, trial.number))
            except optuna.TrialPruned:
                run.tags({names.TRIAL_STATE: "pruned"})
                run.finish(Status.KILLED)
                raise
            run.tags({names.TRIAL_STATE: "complete"})
        logger.info("%s: %s %.4f", name, material.corpus.main_metric, result.best_score)
        return result.best_score

    best = run_trials(study, objective, budget.trials)
    if not _weights(folder, best.number).exists():
        logger.info("the weights of trial %d are not on this machine; training its setting again", best.number)
        study.enqueue_trial(best.params)
        finished = len([trial for trial in study.trials if trial.state.is_finished()])
        best = run_trials(study, objective, finished + 1)
    for path in folder.glob("*.safetensors"):
        if path != _weights(folder, best.number):
            path.unlink()
    return best


def _train(
    run: runs.Run, material: Material, budget: Budget, candidate: Candidate, trial: optuna.Trial, weights: Path
) -> Fit:
    torch.manual_seed(budget.seed)
    student = _student(material, budget)

    def on_epoch(epoch: Epoch) -> None:
        log_epoch(run, epoch)
        trial.report(epoch.scores[material.corpus.main_metric], epoch.number)
        if trial.should_prune():
            raise optuna.TrialPruned

    result = fit(
        student,
        material.training,
        candidate.objective,
        material.validation.scores,
        LoopConfig(
            epochs=budget.epochs,
            learning_rate=candidate.learning_rate,
            batch_size=budget.batch_size,
            seed=budget.seed,
        ),
        main_metric=material.corpus.main_metric,
        pad_id=material.pad_id,
        description=f"{material.recipe.name} trial {trial.number}",
        on_epoch=on_epoch,
    )
    best = result.history[result.best_epoch - 1]
    run.metrics(prefixed(names.VALIDATION_PREFIX, best.scores) | {"best_epoch": result.best_epoch})
    run.figure(curves(result.history, material.corpus.main_metric), "curves.png")
    save_model(student.to("cpu"), str(weights.with_suffix(".part")))
    weights.with_suffix(".part").rename(weights)
    return result


def _student(material: Material, budget: Budget) -> nn.Module:
    corpus = material.corpus
    student = build_student(budget.student, material.vocabulary.size, len(corpus.labels), corpus.task)
    if material.teacher_table is not None:
        table = embedding_table(student)
        table.weight.data.copy_(fit_width(material.teacher_table, table.embedding_dim))
    return student


def _weights(folder: Path, trial_number: int) -> Path:
    return folder / f"trial-{trial_number}.safetensors"


def _info(
    material: Material, teacher: TrainedTeacher, budget: Budget, best: FrozenTrial, study_name: str
) -> BundleInfo:
    corpus = material.corpus
    assert best.value is not None
    return BundleInfo(
        format_version=1,
        task=corpus.task,
        labels=corpus.labels,
        max_length=material.max_length,
        pad_id=material.pad_id,
        student=budget.student,
        dataset=corpus.name,
        licence=corpus.licence,
        teacher=teacher.source,
        recipe=material.recipe.name,
        precision="fp32",
        main_metric=corpus.main_metric,
        main_metric_value=best.value,
        fingerprint=study_name.rpartition("-")[2],
        files={},
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
    measured = {
        "texts": parity.texts,
        "max_logit_difference": parity.max_logit_difference,
        "label_agreement": parity.label_agreement,
        "metric_difference": parity.metric_difference,
    }
    run.metrics(prefixed(names.PARITY_PREFIX, measured))
    run.tags({names.PARITY: "passed" if parity.passed else "failed"})
    if not parity.passed:
        raise RuntimeError(f"the ONNX bundle does not match the trained student and is not registered: {parity.reason}")


def _log_test_scores(run: runs.Run, material: Material, predictor: Predictor) -> None:
    """The only look at the test split: the final student, in the form that is deployed."""
    corpus = material.corpus
    for split, prefix in (("validation", names.VALIDATION_PREFIX), ("test", names.TEST_PREFIX)):
        predictions = predictor.predict(corpus.inputs(split))
        predicted = [one.label if isinstance(one, TextPrediction) else list(one.tags) for one in predictions]
        run.metrics(prefixed(prefix, score(corpus.task, corpus.labels, corpus.gold(split), predicted)))
    counts = confusion(corpus.task, corpus.labels, corpus.gold("test"), predicted)
    run.figure(confusion_matrix(counts, corpus.labels), "confusion_matrix.png")
