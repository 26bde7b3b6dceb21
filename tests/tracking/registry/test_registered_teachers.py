"""Registered models as teachers: the version behind an alias, and its files as `from_pretrained` reads them."""

from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
import torch
from encoders import FAMILIES
from mlflow import MlflowClient
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from kdops.errors import UserError
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.sources import teacher_identity
from kdops.task import Task
from kdops.tracking import runs
from kdops.tracking.names import Role
from kdops.tracking.registry import registered
from kdops.tracking.registry.teachers import at_hand

LABELS = ("negative", "neutral", "positive")
TEXT = "text-classification"


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    folder = tmp_path / "bert"
    folder.mkdir()
    return FAMILIES["BERT"].write(folder, task=Task.TEXT, labels=LABELS[::-1])


def log(folder: Path) -> None:
    """Register a folder's model as MLflow does it."""
    whole = {
        "model": AutoModelForSequenceClassification.from_pretrained(folder),
        "tokenizer": AutoTokenizer.from_pretrained(folder),
    }
    mlflow.transformers.log_model(
        whole, name="bert", task=TEXT, registered_model_name="shop", pip_requirements=["transformers"]
    )


def logits(source: str) -> torch.Tensor:
    teacher = load_teacher(source, Task.TEXT, LABELS, as_is=True)
    ids = torch.tensor([teacher.tokenizer.encode("Budi tinggal di Bandung").ids])
    with torch.inference_mode():
        said: torch.Tensor = teacher.model(ids, torch.ones_like(ids))
    return said


def test_a_logged_transformer_teaches_by_its_version(connected: str, bert: Path, tmp_path: Path) -> None:
    log(bert)
    client = MlflowClient()
    client.set_registered_model_alias("shop", "best", "1")
    source = at_hand("models:/shop@best")
    assert source.startswith("models:/shop/1@")
    assert at_hand("models:/shop/1") == at_hand(source) == teacher_identity(source) == source
    torch.testing.assert_close(logits(source), logits(str(bert)))
    with pytest.raises(UserError, match=f"^teacher '{source}' cannot be used as it is: its labels are positive, neut"):
        load_teacher(source, Task.TEXT, ("a", "b"), as_is=True)

    other = tmp_path / "other"
    other.mkdir()
    log(FAMILIES["BERT"].write(other, task=Task.TEXT, labels=LABELS, num_hidden_layers=1))
    client.set_registered_model_alias("shop", "best", "2")
    assert at_hand("models:/shop@best").startswith("models:/shop/2@")
    torch.testing.assert_close(logits(at_hand("models:/shop@best")), logits(str(other)))


def register_files(folder: Path, name: str) -> None:
    """Register a folder of files that a run logged, as the teacher of a run of kdops is one."""
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder), "teacher")
    client = MlflowClient()
    client.create_registered_model(name)
    client.create_model_version(name, f"{run.info.artifact_uri}/teacher", run.info.run_id)


def test_a_folder_of_a_run_may_be_registered(connected: str, bert: Path) -> None:
    register_files(bert, "plain")
    torch.testing.assert_close(logits(at_hand("models:/plain/1")), logits(str(bert)))


def test_a_folder_without_a_model_is_refused(connected: str, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "notes.txt").write_text("nothing")
    register_files(tmp_path / "files", "notes")
    with pytest.raises(UserError, match=r"^teacher 'models:/notes/1' holds no Hugging Face model"):
        at_hand("models:/notes/1")


def test_a_model_of_another_flavor_is_refused(connected: str, make_bundle: Callable[..., Path]) -> None:
    with runs.tracked(Role.STUDENT, "student") as run:
        registered.register(make_bundle(), run=run, corpus_name="sample", tags={}, description="")
    with pytest.raises(UserError) as caught:
        at_hand("models:/kdops-sample/1")
    assert str(caught.value) == (
        "teacher 'models:/kdops-sample/1' is a model of python_function; give one that mlflow.transformers logged"
    )


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("models:/nobody@best", "^no teacher 'models:/nobody@best': .*nobody"),
        ("models:/nobody/3", "^no teacher 'models:/nobody/3': .*nobody"),
        ("models:/nobody", "^teacher 'models:/nobody': give a registered model as models:/name@alias or models:/name/"),
        ("models:/m-0123456789abcdef", "give a registered model as models:/name@alias or models:/name/3"),
    ],
)
def test_what_is_not_registered_is_one_line(connected: str, address: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        at_hand(address)
    assert "\n" not in str(caught.value)


def test_a_version_of_another_registry_is_refused(connected: str, bert: Path) -> None:
    register_files(bert, "plain")
    with pytest.raises(UserError, match="is a version of another registry than"):
        at_hand("models:/plain/1@00000000")


def test_a_version_that_was_not_fetched_is_refused() -> None:
    with pytest.raises(UserError, match="is a registered model, which was not fetched to this machine"):
        load_teacher("models:/plain/1@00000000", Task.TEXT, LABELS)


def test_a_registry_that_does_not_answer_is_told(closed: str) -> None:
    mlflow.set_tracking_uri(closed)
    with pytest.raises(UserError, match="does not answer"):
        at_hand("models:/plain/1")
