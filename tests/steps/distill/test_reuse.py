"""Finished work is found again, wherever it still stands, and what went missing is written again without training."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from taught import Taught

from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.result import Distilled
from kdops.steps.distill.step import distill
from kdops.tracking import store

MODEL = "kdops-shop"

pytestmark = pytest.mark.slow


@pytest.fixture
def config(taught: Taught, tracking_uri: str, measured_at_once: None) -> DistillConfig:
    return DistillConfig(
        dataset=str(taught.folder), name="shop", teacher="scratch", student="bilstm", recipe="kd", precision="fp32",
        teacher_epochs=1, trials=1, epochs=1, max_length=16,
    )  # fmt: skip


def trials() -> int:
    return len(store.search("tags.`kdops.role` = 'trial'"))


def again(config: DistillConfig, first: Distilled, *, reused: bool) -> Distilled:
    """The same command, which trains nothing and comes to the same."""
    before = trials()
    done = distill(config)
    assert trials() == before
    assert (done.result, done.reused) == (first.result, reused)
    assert (done.bundle / "bundle.json").is_file()
    return done


def test_the_same_command_finds_it(config: DistillConfig) -> None:
    first = distill(config)
    done = again(config, first, reused=True)
    assert (done.run_id, done.version) == (first.run_id, first.version) == (first.run_id, 1)
    named = [run.info.run_name for run in store.search("tags.`kdops.role` = 'student'")]
    assert sorted(named) == ["bilstm kd shop (reused)", f"bilstm kd shop: {first.result.in_short}"]
    (reused,) = store.search(f"tags.`kdops.reused_run` = '{first.run_id}'")
    # It does not stand twice in lists that are sorted by score.
    assert reused.data.metrics == {}
    made = MlflowClient().get_run(first.run_id)
    assert made.data.tags["mlflow.note.content"].startswith(f"{first.result.in_short}: bilstm distilled by `kd`")


def test_finding_it_and_refusing_a_wrong_column_need_neither_pytorch_nor_transformers(config: DistillConfig) -> None:
    first = distill(config)
    code = f"""
import sys
from kdops.errors import UserError
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.step import distill
config = DistillConfig.model_validate_json({config.model_dump_json()!r})
try:
    distill(config.model_copy(update={{"text_column": "comment"}}))
except UserError as error:
    print(error)
print("mlflow" in sys.modules)
print(distill(config).run_id)
print(*sorted({{"torch", "transformers", "sklearn"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    refused, tracked, found, imported = done.stdout.split("\n", 3)
    assert "comment" in refused
    assert (tracked, found, imported.split()) == ("False", first.run_id, [])


def test_a_student_that_breaks_a_limit_is_no_challenger_until_the_limit_is_off(config: DistillConfig) -> None:
    first = distill(config.model_copy(update={"max_ram_mb": 1.0}))
    assert (first.version, first.challenger) == (1, None)
    assert "version 1; not challenger, since it breaks the limits\n" in str(first)
    assert re.search(r"\nIt breaks the limits: RAM peak \d+ MB, must be at most 1 MB\.\n", str(first))
    assert again(config, first, reused=True).challenger == 1


def test_what_was_deleted_is_written_and_registered_again(config: DistillConfig, tmp_path: Path) -> None:
    """A version, the files of one, the whole model, and a run."""
    client, first = MlflowClient(), distill(config)
    client.delete_model_version(MODEL, "1")
    done = again(config, first, reused=False)
    assert done.version == 2
    assert client.get_model_version(MODEL, "2").run_id == done.run_id
    assert again(config, first, reused=True).version == 2

    (models,) = tmp_path.glob("mlruns/*/models")
    shutil.rmtree(models)
    assert again(config, first, reused=False).version == 3
    client.delete_registered_model(MODEL)
    done = again(config, first, reused=False)
    assert done.version == 1

    client.delete_run(done.run_id)
    written = again(config, first, reused=False)
    assert written.run_id != done.run_id
    assert client.get_run(written.run_id).data.metrics["test.f1_macro"] == first.scores.test["f1_macro"]


def test_what_is_not_on_this_machine_comes_from_the_tracking_store(config: DistillConfig, kdops_home: Path) -> None:
    first = distill(config)
    shutil.rmtree(kdops_home)
    done = again(config, first, reused=True)
    assert done.version == 1


def test_another_tracking_store_gets_the_runs_of_what_is_on_this_machine(
    config: DistillConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = distill(config)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    done = again(config, first, reused=False)
    runs = {run.data.tags["kdops.role"]: run for run in store.search("tags.`kdops.role` != 'none'")}
    assert runs.keys() == {"student", "teacher", "baseline"}
    tags = runs["student"].data.tags
    assert (tags["kdops.teacher_run"], tags["kdops.baseline_run"]) == (
        runs["teacher"].info.run_id,
        runs["baseline"].info.run_id,
    )
    assert done.version == 1
