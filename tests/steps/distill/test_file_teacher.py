"""A file of probabilities in the place of a teacher, from the command's parameters to the registered version."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from mlflow import MlflowClient
from scipy.special import softmax
from taught import Taught

from entrypoints import cli
from kdops.data.encoding import Text, encode
from kdops.errors import UserError
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.result import Distilled
from kdops.steps.distill.step import distill
from kdops.steps.promote.config import PromoteConfig
from kdops.steps.promote.step import promote
from kdops.steps.teacher.bundle import teacher_bundle_of
from kdops.steps.teacher.config import TeacherConfig
from kdops.steps.teacher.result import MODEL
from kdops.steps.teacher.step import train_teacher
from kdops.task import Task
from kdops.tracking import runs
from kdops.tracking.recorder import MlflowRecorder, Recorder
from kdops.training.stored_logits import text_keys
from kdops.training.teacher_logits import Question, teacher_logits

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("measured_at_once")]

# Asks for a student, and prints what is wrong and what was imported until that was known.
ASK = """
import sys
from kdops.errors import UserError
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.step import distill
from kdops.tracking.recorder import Recorder
dataset, teacher, labels = sys.argv[1:]
try:
    distill(DistillConfig(dataset=dataset, teacher=teacher, labels=labels), Recorder())
except UserError as error:
    print(error)
print(*sorted({"torch", "transformers"} & sys.modules.keys()))
"""

ROOT = Path(__file__).parents[3]

Row = dict[str, object]


def asked(taught: Taught, **more: object) -> DistillConfig:
    given: Mapping[str, object] = {
        "dataset": taught.folder, "name": "shop", "student": "bilstm", "recipe": "kd", "vocabulary": "own",
        "vocabulary_size": 100, "precision": "fp32", "trials": 1, "epochs": 1, "max_length": 32, **more,
    }  # fmt: skip
    return cli.settings(DistillConfig, **{name: str(value) for name, value in given.items()})


def rows_of(taught: Taught, texts: Sequence[Text], folder: Path, what: str = "logits") -> list[Row]:
    """The teacher's logits or probabilities of texts, as rows of a file."""
    teacher, corpus = taught.teacher.model, taught.corpus
    encoded = encode(teacher.tokenizer, texts, corpus.task, 32)

    def ask(rows: np.ndarray) -> Question:
        return Question(teacher.model, encoded.take(rows), teacher.pad_id)

    stored = teacher_logits(folder / "asked", text_keys(texts), len(corpus.labels), ask)
    rows: list[Row] = []
    for row, text in enumerate(texts):
        logits = stored.gather(np.array([row]))
        values = logits if what == "logits" else softmax(logits.astype(float), axis=-1)
        units = [dict(zip(corpus.labels, unit.tolist(), strict=True)) for unit in values]
        of_text = corpus.task is Task.TEXT
        rows.append({"text" if of_text else "tokens": text, what: units[0] if of_text else units})
    return rows


def every_text(taught: Taught) -> list[Text]:
    """The texts of all splits, and those without labels, each once."""
    splits = [text for split in ("train", "validation", "test") for text in taught.corpus.inputs(split)]
    return [*splits, *taught.unlabeled.inputs()]


def write(path: Path, rows: Sequence[Row]) -> Path:
    if path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def check_report(place: Path, done: Distilled) -> None:
    """Unknown figures are left out."""
    (page,) = (place / "mlruns").glob(f"*/{done.run_id}/artifacts/report/report.html")
    cells = re.findall(r"<td[^>]*>([^<]*)<", page.read_text(encoding="utf-8"))
    assert "teacher" in cells
    assert not [cell for cell in cells if "nan" in cell.lower()]


def content(done: Distilled) -> bytes:
    return (done.bundle / "model.onnx").read_bytes()


@pytest.mark.parametrize(
    ("which", "name", "what", "recipe"),
    [
        ("taught", "llm.parquet", "probabilities", "kd-unlabeled"),
        ("taught", "llm.jsonl", "logits", "kd"),
        ("tagged", "llm.jsonl", "probabilities", "kd"),
    ],
)
def test_a_file_made_from_a_teacher_gives_the_same_student_to_the_last_digit(
    which: str,
    name: str,
    what: str,
    recipe: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    float32_products: None,
) -> None:
    taught: Taught = request.getfixturevalue(which)
    file = write(tmp_path / name, rows_of(taught, every_text(taught), tmp_path, what))
    given = distill(asked(taught, recipe=recipe, teacher=file), Recorder())
    encoder = {"teacher": taught.teacher.folder / MODEL, "teacher_mode": "as_is"}
    taught_by = distill(asked(taught, recipe=recipe, **encoder), Recorder())
    assert content(given) == content(taught_by)
    assert given.scores == taught_by.scores
    assert given.result.facts.best_parameters == taught_by.result.facts.best_parameters
    main = taught.corpus.main_metric
    assert given.teacher[f"test.{main}"] == taught_by.teacher[f"test.{main}"]
    assert given.student["test.f1_retained"] == taught_by.student["test.f1_retained"]
    assert {name for name in given.student if name.startswith(("teacher.", "ratio."))} == set()
    assert given.table().splitlines()[0].split() == ["teacher", "linear", "baseline", "fp32", "student", "fp32"]


def test_all_steps_know_such_a_teacher(taught: Taught, tracking_uri: str, tmp_path: Path) -> None:
    file = write(tmp_path / "llm.jsonl", rows_of(taught, every_text(taught)[:-9], tmp_path))
    config = asked(taught, teacher=file, recipe="auto", teacher_latency_ms=250)
    done = distill(config)
    assert done.result.facts.recipe == "kd"
    metrics = runs.get_metrics(done.run_id)
    assert metrics["teacher.cost.latency_p50_ms"] == 250
    assert metrics["ratio.latency"] == 250 / 0.4
    known = {name for name in metrics if name.startswith(("teacher.cost.", "ratio."))}
    assert known == {"ratio.latency", "teacher.cost.latency_p50_ms"}
    card = MlflowClient().get_model_version("kdops-shop", "1").description
    assert f"- teacher: `{file}`, a file of probabilities of 24 texts, test f1_macro" in card
    assert f"distilled by `kd` from `{file}`" in card
    assert distill(config).reused
    assert distill(asked(taught, teacher=file, recipe="auto", teacher_latency_ms=100)).costs == done.costs
    teacher = train_teacher(TeacherConfig(dataset=str(taught.folder), name="shop", teacher=str(file), max_length=32))
    assert teacher is not None
    assert teacher.facts.scores == done.result.teacher.scores
    with pytest.raises(UserError, match=r"its teacher is the file .* of which there is no model"):
        teacher_bundle_of(teacher.run_id, taught.corpus, MlflowRecorder())
    check_report(tmp_path, done)
    assert promote(PromoteConfig(dataset=str(taught.folder), name="shop", min_f1_retained=0.01)).promoted


def test_texts_that_it_lacks_are_refused_or_have_their_gold_labels(
    taught: Taught, tracking_uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path / "llm.jsonl", rows_of(taught, every_text(taught)[1:19], tmp_path))
    refused = rf"lacks 1 of 12 training texts, '{taught.corpus.inputs('train')[0]}' for one; teacher_missing=gold"
    with pytest.raises(UserError, match=refused):
        distill(asked(taught, teacher=file), Recorder())
    done = distill(asked(taught, teacher=file, teacher_missing="gold"))
    assert "lacks 1 of 12 training texts: these have their gold labels" in caplog.text
    assert "lacks 5 of 6 test texts: it has no score there" in caplog.text
    assert "cannot be compared with its teacher, of which there is no test" in done.table()
    metrics = runs.get_metrics(done.run_id)
    assert "test.f1_retained" not in metrics
    assert done.result.gain
    assert metrics["test.kd_gain"] == done.result.gain.value
    card = MlflowClient().get_model_version("kdops-shop", "1").description
    assert "no test score, since it lacks test texts" in card
    check_report(tmp_path, done)
    whole = write(tmp_path / "whole.jsonl", rows_of(taught, every_text(taught)[:-9], tmp_path))
    with pytest.raises(UserError, match="lacks 9 of 9 texts without labels"):
        distill(asked(taught, teacher=whole, recipe="kd-unlabeled"), Recorder())


@pytest.mark.parametrize("labels", ["gold", "teacher"])
def test_a_bad_row_is_told_before_what_trains_is_imported(labels: str, taught: Taught, tmp_path: Path) -> None:
    rows: list[Row] = [{"text": text, "label": "ab"[row % 2]} for row, text in enumerate(every_text(taught))]
    file = write(tmp_path / "llm.jsonl", [*rows, {"text": "more", "probabilities": {"a": 0.5}}])
    command = [sys.executable, "-c", ASK, str(taught.folder), str(file), labels]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    line = f"{file}:{len(rows) + 1}: probabilities must add up to 1, found 0.5"
    assert done.stdout.splitlines() == [line, ""], done.stderr


def test_nothing_is_said_of_training_a_file(taught: Taught, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "kdops")
    file = write(tmp_path / "llm.jsonl", rows_of(taught, every_text(taught), tmp_path))
    distill(asked(taught, teacher=file), Recorder())
    assert "budget: teacher not trained (a file); student trials=1 " in caplog.text
    assert "threads: one for each of" in caplog.text


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"teacher": "nothing.jsonl"}, "teacher 'nothing.jsonl': no such file"),
        ({"teacher": "FILE,scratch"}, "is a file of probabilities, which teaches alone and once"),
        ({"teacher_seeds": 2}, "is a file of probabilities, which teaches alone and once"),
        ({"teacher_precision": "fp32"}, "is for encoders: a file multiplies nothing"),
        ({"recipe": "general-kd"}, "a file of probabilities has no pre-trained encoder .* name one by general_encoder"),
        ({"recipe": "kd-unlabeled-teacher"}, "has neither tokens nor weights"),
        ({"vocabulary": "teacher", "vocabulary_size": 8000}, "has neither tokens nor weights"),
        ({"teacher": "scratch", "vocabulary": "auto"}, "takes the teacher's tokens: vocabulary_size would do nothing"),
        ({"teacher": "scratch", "teacher_latency_ms": 3}, "teacher_latency_ms is for a teacher that is a file"),
        ({"teacher": "scratch", "teacher_missing": "gold"}, "teacher_missing=gold is for a teacher that is a file"),
        ({"label_names": "a=good"}, "label_names: the data have no label 'good'; they have: a, b"),
        ({"general_encoder": "nowhere/nothing"}, "'nowhere/nothing' is not on this machine"),
    ],
)
def test_choices_that_cannot_be_are_one_line(
    choice: Mapping[str, object], message: str, taught: Taught, tmp_path: Path
) -> None:
    file = write(tmp_path / "llm.jsonl", [{"text": text, "label": "a"} for text in every_text(taught)])
    given = {"teacher": "FILE", **choice}
    given["teacher"] = str(given["teacher"]).replace("FILE", str(file))
    with pytest.raises(UserError, match=message) as caught:
        distill(asked(taught, **given), Recorder())
    assert "\n" not in str(caught.value)
