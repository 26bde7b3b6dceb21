"""Finished distillations that nobody had to train, for tests that read runs."""

import json

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag

from kdops.tracking import names, runs
from kdops.tracking.logged_models import data_digest
from kdops.tracking.names import Role, Status

DATA = "0123456789abcdef"
HOSTILE = "a </script><b>'set'"
_COSTS = {"latency_p50_ms": 1.0, "latency_p95_ms": 2.0, "cpu_ms_per_text": 1.0, "ram_peak_mb": 90.0, "storage_mb": 9.0}
_CLASSES = {
    "labels": ["bad", "good"],
    "confusion": [[8, 2], [1, 9]],
    "classes": {
        "bad": {"f1": 0.84, "precision": 0.89, "recall": 0.8, "gold": 10},
        "good": {"f1": 0.86, "precision": 0.82, "recall": 0.9, "gold": 10},
    },
}


def _tags(dataset: str, **more: str) -> dict[str, object]:
    return {
        names.DATASET: dataset, names.TASK: "text-classification", names.MAIN_METRIC: "f1_macro", **more,
    }  # fmt: skip


def log_data(run: runs.Run, dataset: str, data: str = DATA) -> None:
    """The data set as `Run.dataset` logs it of a corpus with this fingerprint."""
    inputs = [
        DatasetInput(
            Dataset(dataset, data_digest(data, split), "local", "{}"), [InputTag("mlflow.data.context", context)]
        )
        for split, context in (("train", "training"), ("validation", "validation"), ("test", "test"))
    ]
    mlflow.MlflowClient().log_inputs(run.run_id, inputs)


def add_teacher(dataset: str, test: float = 0.9, *, data: str = DATA) -> str:
    with runs.tracked(Role.TEACHER, f"teacher {dataset}", tags=_tags(dataset)) as run:
        log_data(run, dataset, data)
        run.metrics({"val.f1_macro": test, "test.f1_macro": test})
        run.metrics({names.COST_PREFIX + cost: 40 * value for cost, value in _COSTS.items()})
        for epoch in (1, 2):
            run.metrics({"epoch.train.loss": 1 / epoch, "epoch.val.f1_macro": test * epoch / 2}, epoch)
        run.text(json.dumps(_CLASSES), names.BY_CLASS)
    return run.run_id


def add_student(
    dataset: str,
    teacher: str,
    student: str = "bilstm",
    recipe: str = "kd",
    *,
    seed: int = 1,
    validation: float = 0.8,
    test: float = 0.8,
    latency: float = 1.0,
    trials: int = 5,
    data: str = DATA,
) -> str:
    """A student with its trials, beside itself without distillation; gives its run id."""
    described = {names.STUDENT: student, names.TEACHER_RUN: teacher}
    with runs.tracked(
        Role.STUDENT, f"{student} {recipe} {dataset}", config={"seed": seed, "trials": trials, "epochs": 3},
        tags=_tags(dataset, **described) | {names.RECIPE: recipe, names.PRECISION: "int8"},
    ) as run:  # fmt: skip
        log_data(run, dataset, data)
        study = f"{dataset}-{student}-{recipe}-{seed}"
        _log(run, study, validation, test, latency)
        _add_trials(dataset, student, recipe, study, validation, trials)
        alone = run.run_id
        if recipe != "vanilla":
            with runs.tracked(
                Role.BASELINE, f"{student} without distillation {dataset}", config={"seed": seed},
                tags=_tags(dataset, **described) | {names.RECIPE: "vanilla"},
            ) as baseline:  # fmt: skip
                alone = baseline.run_id
                log_data(baseline, dataset, data)
                _log(baseline, f"{study}-alone", validation - 0.1, test - 0.1, latency)
                _add_trials(dataset, student, "vanilla", f"{study}-alone", validation - 0.1, trials)
            run.metrics({names.KD_GAIN: 10.0, f"{names.BASELINE_COST_PREFIX}latency_p50_ms": latency})
            run.tags({names.BASELINE_PRECISION: "int8"})
        run.metrics({names.F1_RETAINED: test / 0.9, "phase.student_tuning_s": 120.0, "unlabeled_texts": 100})
        run.tags({names.BASELINE_RUN: alone})
    return run.run_id


def _log(run: runs.Run, study: str, validation: float, test: float, latency: float) -> None:
    run.metrics({"val.f1_macro": validation, "test.f1_macro": test})
    run.metrics({names.COST_PREFIX + cost: value for cost, value in _COSTS.items()})
    run.metrics(
        {names.LATENCY_P50_MS: latency, **{f"ratio.{one}": 40.0 for one in ("latency", "cpu", "ram", "storage")}}
    )
    run.tags({names.STUDY: study})
    run.text(json.dumps(_CLASSES), names.BY_CLASS)


def _add_trials(dataset: str, student: str, recipe: str, study: str, best: float, trials: int) -> None:
    for number in range(trials):
        rate = 0.001 * (number + 1)
        setting = {"learning_rate": rate, "dropout": (0.1, 0.3)[number % 2], "soft": ("mse", "kl")[number % 2]}
        tags = _tags(dataset) | {names.STUDENT: student, names.RECIPE: recipe, names.STUDY: study}
        with runs.tracked(Role.TRIAL, f"trial {number} {recipe}", config=setting, tags=tags) as run:
            score = best - 0.02 * number
            for epoch in (1, 2, 3):
                run.metrics({"epoch.train.loss": 1 / epoch, "epoch.val.f1_macro": score * epoch / 3}, epoch)
            pruned = number == 1 and trials > 1
            run.tags({names.TRIAL_STATE: "pruned" if pruned else "complete"})
            if pruned:
                run.finish(Status.KILLED)
            else:
                run.metrics({"val.f1_macro": score})


def fill() -> None:
    """Runs of two data sets, one of them with a name that breaks careless pages."""
    teacher = add_teacher("emot")
    add_student("emot", teacher, "bilstm", "kd", validation=0.80)
    add_student("emot", teacher, "bilstm", "kd-unlabeled", validation=0.82, test=0.81)
    add_student("emot", teacher, "cnn", "kd", validation=0.7, test=0.7, latency=0.5)
    add_student(HOSTILE, add_teacher(HOSTILE), "bert-tiny", "vanilla", trials=1)
