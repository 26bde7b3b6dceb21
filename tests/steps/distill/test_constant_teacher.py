"""A teacher that gives one answer to everything ends the command before a student is trained."""

import json
import random
from pathlib import Path

import pytest
import torch
from encoders import FAMILIES, TEXTS
from transformers import AutoModelForSequenceClassification

import kdops
from kdops.errors import UserError
from kdops.steps.distill import stages
from kdops.task import Task

LABELS = ("bad", "good")


@pytest.fixture
def constant_teacher(tmp_path: Path) -> Path:
    folder = FAMILIES["BERT"].write(tmp_path, task=Task.TEXT, labels=LABELS)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 5.0]))
    model.save_pretrained(folder)
    return folder


def test_it_is_refused(constant_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KDOPS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(stages, "train_student", lambda *_: pytest.fail("a student is trained"))
    data = tmp_path / "reviews"
    data.mkdir()
    words, draw = " ".join(TEXTS).split(), random.Random(1)
    for split in ("train", "validation", "test"):
        rows = ({"text": " ".join(draw.sample(words, 4)), "label": LABELS[number % 2]} for number in range(60))
        (data / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(UserError, match=r"nothing can be distilled from it: it answers 'good' for 100\.0% of"):
        kdops.distill(
            data, tracking=None, teacher=str(constant_teacher), teacher_mode="as_is", student="bag", recipe="kd",
            trials=1, epochs=1, max_length=32, storage=f"sqlite:///{tmp_path}/studies.db",
        )  # fmt: skip
