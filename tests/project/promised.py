"""Checks of a finished distillation's runs in the tracking store, and a way to call programs in this process."""

import re

from mlflow.entities import Run
from place import Place, options
from typer import Typer
from typer.testing import CliRunner, Result

COSTS = {
    *("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "throughput_per_s", "cpu_ms_per_text"),
    *("ram_peak_mb", "ram_model_mb", "storage_mb", "load_ms", "parameters"),
    "cold_start_ms",
}
RATIOS = {"ratio.latency", "ratio.ram", "ratio.storage", "ratio.cpu"}
COMPARED = {f"cost.{name}" for name in COSTS} | {f"teacher.cost.{name}" for name in COSTS} | RATIOS
SCORES = {
    "text-classification": ("f1_macro", "accuracy"),
    "token-classification": ("f1_entity_macro", "f1_entity_micro", "accuracy"),
}
HOST = {"host.name", "host.cpu", "host.cores", "host.memory_gb"}
VERSIONS = {f"version.{name}" for name in ("python", "kdops", "torch", "transformers", "onnxruntime", "mlflow")}


def only(runs: list[Run]) -> Run:
    (run,) = runs
    return run


def measured(run: Run, *prefixes: str) -> set[str]:
    return {name for name in run.data.metrics if name.startswith(prefixes)}


def scores(task: str, *prefixes: str) -> set[str]:
    return {f"{prefix}.{name}" for prefix in prefixes for name in SCORES[task]}


def check_student(
    run: Run, task: str, dataset: str, student: str = "bilstm", recipe: str = "kd-unlabeled-teacher"
) -> None:
    """A distilled student carries exactly the metrics and tags that are promised."""
    assert run.info.status == "FINISHED"
    promised = (
        scores(task, "val", "test")
        | COMPARED
        | {f"test.{name}{end}" for name in ("f1_retained", "kd_gain") for end in ("", "_low", "_high")}
    )
    assert measured(run, "val.", "test.", "cost.", "teacher.cost.", "ratio.") == promised
    found = run.data.tags
    assert found["kdops.role"] == "student"
    assert found["kdops.dataset"] == dataset
    assert found["kdops.task"] == task
    assert found["kdops.student"] == student
    assert found["kdops.recipe"] == recipe
    assert found["kdops.parity"] == "passed"
    assert {"cfg.dataset", "cfg.student", "cfg.recipe", "cfg.trials", "cfg.epochs", "cfg.seed"} <= set(run.data.params)
    described = {value for name, value in run.data.params.items() if name.startswith("cfg.")}
    assert not {"None", "auto", "False"} & described
    assert re.fullmatch("[0-9a-f]{16}", found["kdops.fingerprint"])
    assert {"kdops.teacher_run", "kdops.baseline_run"} | HOST | VERSIONS <= set(found)


def check_trials(place: Place, parent: Run, count: int) -> None:
    trials = [run for run in place.children(parent) if run.data.tags["kdops.role"] == "trial"]
    assert len(trials) == count
    for trial in trials:
        state = trial.data.tags["kdops.trial_state"]
        assert (state, trial.info.status) in {("complete", "FINISHED"), ("pruned", "KILLED")}


def check_version(place: Place, model: str, number: int, run: Run) -> None:
    version = place.client.get_model_version(model, str(number))
    assert version.run_id == run.info.run_id
    # What it is, and the score that decides; a promotion adds when, by whom and why.
    assert {"kdops.student", "kdops.recipe", "kdops.precision", "kdops.fingerprint"} <= version.tags.keys()
    assert len(version.tags) <= 10
    assert "distilled by" in version.description


def champion(place: Place, model: str) -> int:
    return int(place.client.get_model_version_by_alias(model, "champion").version)


def run_here(program: Typer, **parameters: object) -> Result:
    done = CliRunner().invoke(program, options(**parameters))
    assert done.exit_code == 0, done.output
    return done
