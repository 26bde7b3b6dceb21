from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from taught import Taught
from transformers import pipeline

from entrypoints import cli
from kdops.data.encoding import encode
from kdops.errors import UserError
from kdops.models.teachers.loading import load_teacher
from kdops.steps.setup import checked_corpus
from kdops.steps.student.inputs import student_inputs
from kdops.steps.teacher.config import TeacherConfig
from kdops.steps.teacher.result import MODEL, TrainedTeacher
from kdops.steps.teacher.step import check_teachers, teacher_keys, train_teacher
from kdops.tracking import runs, store
from kdops.tracking.recorder import Recorder
from kdops.training.recipes import RECIPES
from kdops.workspace import TEACHER_LOGITS, Piece


def config(taught: Taught, **more: object) -> TeacherConfig:
    given = {"dataset": taught.folder, "teacher": taught.teacher.folder / MODEL, "max_length": 32, "epochs": 1, **more}
    return cli.settings(TeacherConfig, **{name: str(value) for name, value in given.items()})


def made(asked: TeacherConfig) -> TrainedTeacher:
    teacher = train_teacher(asked, Recorder())
    assert teacher is not None
    return teacher


@pytest.fixture
def renamed(taught: Taught, tmp_path: Path) -> Path:
    """The teacher with its classes in another order, as somebody else would have published it."""
    teacher = load_teacher(str(taught.teacher.folder / MODEL), taught.corpus.task, taught.corpus.labels)
    encoder = teacher.model.encoder
    head = encoder.classifier
    assert isinstance(head, torch.nn.Linear)
    with torch.no_grad():
        head.weight.copy_(head.weight.flip(0) * 40)
        head.bias.copy_(head.bias.flip(0))
    encoder.config.id2label = {0: "B", 1: "A"}
    encoder.config.label2id = {"B": 0, "A": 1}
    teacher.save(tmp_path / "published")
    return tmp_path / "published"


def test_a_fine_tuned_model_teaches_as_it_is_with_its_labels_matched_by_name(taught: Taught, renamed: Path) -> None:
    teacher = made(config(taught, teacher=renamed, teacher_mode="as_is"))
    assert teacher.facts.fit.history == ()
    texts = [str(text) for text in taught.corpus.inputs("test")]
    said = [row["label"].lower() for row in pipeline("text-classification", str(renamed), device="cpu")(texts)]
    assert list(teacher.facts.scores.test_labels) == said
    assert teacher.facts.weights != taught.teacher.facts.weights


def test_a_registered_model_teaches_and_its_version_is_recorded(
    taught: Taught, renamed: Path, tracking_uri: str
) -> None:
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(renamed), "teacher")
    client = MlflowClient()
    client.create_registered_model("shop")
    client.create_model_version("shop", f"{run.info.artifact_uri}/teacher", run.info.run_id)
    client.set_registered_model_alias("shop", "best", "1")
    teacher = train_teacher(config(taught, teacher="models:/shop@best", teacher_mode="as_is"))
    assert teacher is not None
    assert teacher.facts.source.startswith("models:/shop/1@")
    assert runs.get_params(teacher.run_id)["cfg.teacher"] == teacher.facts.source
    assert teacher.facts.scores == made(config(taught, teacher=renamed, teacher_mode="as_is")).facts.scores
    client.create_model_version("shop", f"{run.info.artifact_uri}/teacher", run.info.run_id)
    client.set_registered_model_alias("shop", "best", "2")
    again = train_teacher(config(taught, teacher="models:/shop@best", teacher_mode="as_is"))
    assert again is not None
    assert (again.reused, again.facts.source[:14]) == (False, "models:/shop/2")


def test_other_labels_are_named_by_the_user_or_refused(taught: Taught, renamed: Path) -> None:
    config_file = renamed / "config.json"
    content = config_file.read_text(encoding="utf-8")
    config_file.write_text(content.replace('"A"', '"LABEL_1"').replace('"B"', '"LABEL_0"'), encoding="utf-8")
    asked = config(taught, teacher=renamed, teacher_mode="as_is")
    with pytest.raises(UserError, match="LABEL_0"):
        check_teachers(asked, checked_corpus(asked).corpus)  # before anything is made
    with pytest.raises(UserError, match="LABEL_0"):
        made(asked)
    named = made(config(taught, teacher=renamed, teacher_mode="as_is", label_names="LABEL_0=b,LABEL_1=a"))
    config_file.write_text(content, encoding="utf-8")
    assert named.facts.scores == made(config(taught, teacher=renamed, teacher_mode="as_is")).facts.scores


def test_several_seeds_teach_together_and_each_has_its_own_run(taught: Taught, tracking_uri: str) -> None:
    together = train_teacher(config(taught, teacher_seeds=2))
    assert together is not None
    alone = [train_teacher(config(taught, seed=seed)) for seed in (1, 2)]
    assert all(one is not None and one.reused for one in alone)
    texts = encode(together.tokenizer, taught.corpus.inputs("test"), taught.corpus.task, 32)
    ids = torch.from_numpy(texts.ids[texts.row_starts[0] : texts.row_starts[1]].astype(np.int64))[None]
    probabilities = [
        one.model.model.eval()(ids, torch.ones_like(ids)).softmax(dim=-1) for one in (together, *filter(None, alone))
    ]
    torch.testing.assert_close(probabilities[0], (probabilities[1] + probabilities[2]) / 2, atol=1e-5, rtol=1e-4)
    finished = [run for run in store.search("tags.`kdops.role` = 'teacher'") if "kdops.fingerprint" in run.data.tags]
    assert len(finished) == 3
    assert runs.get_params(together.run_id)["cfg.teacher_seeds"] == "2"


def test_what_stands_for_a_teacher_changes_with_how_it_is_made(taught: Taught, renamed: Path) -> None:
    changes: list[dict[str, object]] = [
        {}, {"seed": 2}, {"teacher_seeds": 2}, {"epochs": 2}, {"teacher": renamed}, {"teacher_mode": "as_is"},
        {"teacher_mode": "as_is", "label_names": "LABEL_0=a"}, {"max_length": 16},
        {"teacher_precision": "fp32"}, {"teacher_precision": "fp32", "teacher_mode": "as_is"},
        {"teacher": f"{renamed},{taught.teacher.folder / MODEL}"},
    ]  # fmt: skip
    keys = {teacher_keys(taught.corpus, None, config(taught, **change)).work for change in changes}
    assert len(keys) == len(changes)
    again = [
        teacher_keys(taught.corpus, None, config(taught, teacher_mode="as_is", epochs=epochs)) for epochs in (1, 2)
    ]
    assert again[0] == again[1]


def test_float32_is_kept_to_where_it_is_asked_for(taught: Taught, renamed: Path) -> None:
    asked = {"teacher": renamed, "teacher_mode": "as_is"}
    free, exact = made(config(taught, **asked)), made(config(taught, **asked, teacher_precision="fp32"))
    assert (free.model.model.float32_only, exact.model.model.float32_only) == (False, True)
    for teacher in (free, exact):
        student_inputs(taught.corpus, teacher, RECIPES["kd"], None, 32)
    assert Piece(TEACHER_LOGITS, f"{free.facts.weights}-32").path.is_dir()
    assert Piece(TEACHER_LOGITS, f"{exact.facts.weights}-32-fp32").path.is_dir()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"teacher": "scratch", "teacher_seeds": 2}, "teacher=scratch teaches alone, once, and must be trained"),
        ({"teacher": "scratch", "teacher_mode": "as_is"}, "teacher=scratch teaches alone, once, and must be trained"),
        ({"label_names": "LABEL_0=a"}, "label_names is for teacher_mode=as_is"),
        ({"teacher_mode": "as_is", "label_names": "LABEL_0"}, "give pairs, as in LABEL_0=negative,LABEL_1=positive"),
    ],
)
def test_choices_that_exclude_each_other(choice: dict[str, object], message: str, taught: Taught) -> None:
    asked = config(taught, **choice)
    with pytest.raises(UserError, match=message):
        check_teachers(asked, checked_corpus(asked).corpus)
