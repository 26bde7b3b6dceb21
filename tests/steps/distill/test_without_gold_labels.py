"""Unlabeled texts and a teacher are enough: its labels stand for gold labels, and every score is called agreement."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from taught import WORDS, Taught
from transformers import pipeline

from entrypoints import cli
from kdops.data.corpus import load_corpus
from kdops.errors import UserError
from kdops.models.teachers.loading import load_teacher
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.step import distill
from kdops.steps.export import export
from kdops.steps.export_config import ExportConfig
from kdops.steps.promote.candidates import candidates
from kdops.steps.promote.config import PromoteConfig
from kdops.steps.promote.step import promote
from kdops.steps.teacher.result import MODEL
from kdops.task import Task
from kdops.tracking import runs
from kdops.tracking.recorder import Recorder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("measured_at_once")]


def asked(**more: object) -> DistillConfig:
    given: dict[str, object] = {
        "labels": "teacher", "student": "bilstm", "recipe": "kd", "vocabulary": "own", "vocabulary_size": 100,
        "precision": "fp32", "trials": 1, "epochs": 1, "max_length": 32, **more,
    }  # fmt: skip
    return cli.settings(DistillConfig, **{name: str(value) for name, value in given.items()})


@pytest.fixture
def texts() -> list[str]:
    random = np.random.default_rng(0)
    return [f"{' '.join(random.permutation(WORDS)[:5])} {row}" for row in range(60)]


@pytest.fixture
def raw(texts: list[str], tmp_path: Path) -> Path:
    (tmp_path / "Reviews.txt").write_text("\n".join(texts), encoding="utf-8")
    return tmp_path / "Reviews.txt"


@pytest.fixture
def published(taught: Taught, texts: list[str], tmp_path: Path) -> Path:
    """A fine-tuned model that has both labels for some of the texts."""
    folder = taught.teacher.folder / MODEL
    teacher = load_teacher(str(folder), Task.TEXT, ("a", "b"))
    ids = [torch.tensor([encoding.ids]) for encoding in teacher.tokenizer.encode_batch(texts)]
    with torch.inference_mode():
        logits = torch.cat([teacher.model(row, torch.ones_like(row)) for row in ids])
    head = teacher.model.encoder.classifier
    assert isinstance(head, torch.nn.Linear)
    with torch.no_grad():
        margins = (logits[:, 0] - logits[:, 1]).sort().values[15:45]
        widest = int(margins.diff().argmax())  # so that no text is a matter of rounding
        head.bias[0] -= margins[widest : widest + 2].mean()
    teacher.save(tmp_path / "published")
    return tmp_path / "published"


def test_texts_and_a_fine_tuned_model_are_enough(
    raw: Path, texts: list[str], published: Path, tracking_uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "kdops")
    config = asked(dataset=raw, teacher=published, teacher_mode="as_is")
    done = distill(config)
    assert done.dataset == "reviews-agreement"
    corpus = load_corpus(config.place)
    said = {
        row: one["label"]
        for row, one in zip(texts, pipeline("text-classification", str(published))(texts), strict=True)
    }
    for split in ("train", "validation", "test"):
        assert dict(zip(corpus.inputs(split), corpus.gold(split), strict=True)).items() <= said.items()
    assert len({*corpus.inputs("train"), *corpus.inputs("validation"), *corpus.inputs("test")}) == 60
    metrics = runs.get_metrics(done.run_id)
    scores = {name for name in metrics if name.startswith(("val.", "test."))} - {
        "test.kd_gain_low",
        "test.kd_gain_high",
    }
    assert scores == {"val.agreement_macro", "val.agreement", "test.agreement_macro", "test.agreement", "test.kd_gain"}
    assert done.result.main_metric == "agreement_macro"
    assert not [name for one in (metrics, runs.get_tags(done.run_id)) for name in one if "f1" in name.lower()]
    assert f"bilstm fp32 gives {metrics['test.agreement']:.1%} of the teacher's labels" in done.table()
    card = MlflowClient().get_model_version("kdops-reviews-agreement", "1").description
    assert f"- no gold labels: labels are those of `{published}`, and scores are agreement with it" in card
    assert "gold labels as tuning chose" not in card
    (page,) = (tmp_path / "mlruns").glob(f"*/{done.run_id}/artifacts/report/report.html")
    words = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert "test agreement" in words
    assert not re.findall(r".{30}\bF1\b.{30}", words)
    assert f"other steps read it by dataset={config.place}" in caplog.text
    assert not [line for line in (*caplog.messages, done.table()) if re.search(r"\bf1(_|\b)", line, re.IGNORECASE)]
    assert distill(config).reused

    decision = promote(PromoteConfig(dataset=config.place))
    assert decision.promoted, str(decision)
    assert "validation agreement_macro" in str(decision)
    assert export(ExportConfig(run_id=done.run_id, output=tmp_path / "exported")).bundles

    labeled = replace(corpus, labeled_by="")
    (candidate,) = candidates(labeled, champion=None, threads=1)
    assert candidate.refusal == "it was chosen by agreement_macro, which does not compare with f1_macro"


def test_a_file_labels_words(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = [
        {"tokens": [*random.permutation(WORDS)[:4].tolist(), str(row)], "tags": ["O", "B-X", "I-X", "O", "O"]}
        for row in range(60)
    ]
    rows[0]["tags"] = ["B-Y", "O", "O", "O", "O"]
    for row in range(1, 12):
        rows[row]["tags"] = ["B-Y", "O", "O", "O", "O"]
    file = tmp_path / "llm.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    done = distill(asked(dataset=file, teacher=file), Recorder())
    names = {name for name in done.student if name.startswith("test.")} - {"test.kd_gain_low", "test.kd_gain_high"}
    assert names == {
        "test.agreement_entity_macro", "test.agreement_entity_micro", "test.agreement", "test.kd_gain",
    }  # fmt: skip
    assert done.result.main_metric == "agreement_entity_macro"


def test_texts_may_be_in_a_column_of_another_name(texts: list[str], tmp_path: Path) -> None:
    rows = [{"text": text, "label": "ab"[row % 2]} for row, text in enumerate(texts)]
    file, comments = tmp_path / "llm.jsonl", tmp_path / "comments.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    comments.write_text("".join(f"{json.dumps({'comment': text, 'text': 1})}\n" for text in texts), encoding="utf-8")
    corpus = asked(dataset=comments, text_column="comment", teacher=file).corpus()
    splits = [corpus.inputs(split) for split in ("train", "validation", "test")]
    assert {text for split in splits for text in split} == set(texts)
    with pytest.raises(UserError, match=r"comments\.jsonl:1: no column 'remark' \(found: 'comment', 'text'\)"):
        asked(dataset=comments, text_column="remark", teacher=file).corpus()
    plain = tmp_path / "comments.txt"
    plain.write_text("\n".join(texts), encoding="utf-8")
    with pytest.raises(UserError, match=r"text_column=comment: .*comments\.txt has a text per line, and no columns"):
        asked(dataset=plain, text_column="comment", teacher=file).corpus()


def test_gold_labels_that_are_there_are_not_looked_at(taught: Taught, tmp_path: Path) -> None:
    texts = [text for split in ("train", "validation", "test") for text in taught.corpus.inputs(split)]
    file = tmp_path / "llm.jsonl"
    rows = [{"text": text, "label": "good" if row % 3 else "bad"} for row, text in enumerate(texts)]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    config = asked(dataset=taught.folder, name="shop", teacher=file, label_names="good=fine")
    corpus = config.corpus()
    assert (corpus.name, corpus.labels, corpus.labeled_by) == ("shop-agreement", ("bad", "fine"), str(file))
    assert list(corpus.gold("train")) == ["fine" if row % 3 else "bad" for row in range(12)]
    assert [len(corpus.inputs(split)) for split in ("train", "validation", "test")] == [12, 6, 6]
    rows.pop()
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    with pytest.raises(UserError, match=r"lacks 1 of 6 texts, '.*' for one"):
        config.corpus()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({}, "labels=teacher needs a teacher that knows labels"),
        ({"teacher": "scratch"}, "labels=teacher needs a teacher that knows labels"),
        ({"teacher": "PUBLISHED"}, "labels=teacher needs teacher_mode=as_is"),
        ({"teacher": "PUBLISHED", "teacher_mode": "as_is", "task": "token-classification"}, "but the teacher is for"),
        ({"teacher": "PUBLISHED", "teacher_mode": "as_is", "dataset": "sample-tags"}, "but the teacher is for text"),
        ({"teacher": "PUBLISHED", "teacher_mode": "as_is", "teacher_missing": "gold"}, "needs gold labels"),
    ],
)
def test_what_cannot_be_is_one_line(choice: dict[str, object], message: str, raw: Path, published: Path) -> None:
    given = {"dataset": raw} | choice
    if "teacher" in given:
        given["teacher"] = str(given["teacher"]).replace("PUBLISHED", str(published))
    with pytest.raises(UserError, match=message):
        asked(**given).corpus()


@pytest.mark.parametrize(
    "settings",
    [
        {"problem_type": "multi_label_classification"},
        {"id2label": {"0": "fuel:good", "1": "fuel:bad", "2": "price:good", "3": "price:bad"}},
    ],
)
def test_a_teacher_of_several_labels_a_text_is_refused(settings: dict[str, object], raw: Path, published: Path) -> None:
    file = published / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | settings), encoding="utf-8")
    with pytest.raises(UserError, match=r"is for one label per text or word, and teacher '.*' gives a text several"):
        asked(dataset=raw, teacher=published, teacher_mode="as_is").corpus()


def test_pairs_are_refused(published: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for split in ("train", "validation", "test"):
        rows = ({"text": f"{split} {row}", "text_pair": "two", "label": "ab"[row % 2]} for row in range(4))
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (tmp_path / "folder" / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "pairs.jsonl").write_text(lines, encoding="utf-8")
    for dataset in (tmp_path / "pairs.jsonl", tmp_path / "folder"):
        with pytest.raises(UserError, match="labels=teacher is for single texts, and these are pairs"):
            asked(dataset=dataset, teacher=published, teacher_mode="as_is").corpus()


def test_data_of_several_labels_are_refused(published: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for split in ("train", "validation", "test"):
        rows = ({"text": f"{split} {row}", "labels": ["a", "b"][: row % 3]} for row in range(6))
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (tmp_path / "data" / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    with pytest.raises(UserError, match=r"is for multi-label-classification, but the teacher is for text"):
        asked(dataset=tmp_path / "data", teacher=published, teacher_mode="as_is").corpus()


def test_a_label_with_a_mark_in_its_name_stays_one(raw: Path, texts: list[str], tmp_path: Path) -> None:
    file = tmp_path / "llm.jsonl"
    names = ["a", "b", "a|b"]
    rows = [{"text": text, "label": names[row % 3]} for row, text in enumerate(texts)]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    corpus = asked(dataset=raw, teacher=file).corpus()
    assert (corpus.task, corpus.labels) == (Task.TEXT, ("a", "a|b", "b"))
