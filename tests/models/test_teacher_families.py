"""Every kind of encoder either works from its folder to its ONNX graph, or is refused in one line."""

from pathlib import Path

import numpy as np
import pytest
import torch
from encoders import FAMILIES, TEXTS, Family

from kdops.data.encoding import encode
from kdops.deploy.bundle import write_bundle
from kdops.deploy.parity import check_parity
from kdops.deploy.predictor import BundleInfo, Predictor
from kdops.deploy.teacher_export import check_exports
from kdops.errors import UserError
from kdops.models.teachers.loading import load_teacher
from kdops.task import Task
from kdops.training.batches import TrainingSet, make_batch
from kdops.training.losses import gold_loss
from kdops.training.teacher_checks import check_teacher_reads

LABELS = {Task.TEXT: ("negative", "neutral", "positive"), Task.TOKEN: ("O", "B-LOC", "I-LOC")}
FAST = {"BERT", "RoBERTa", "GPT-2", "CANINE", "BART"}
COMMON = {"XLM-R", "DistilBERT", "ELECTRA", "MPNet", "ALBERT", "DeBERTa-v3", "ModernBERT", "Longformer"}


def _marks(name: str) -> tuple[pytest.MarkDecorator, ...]:
    """Rare families are for the night: together they take minutes."""
    if name in FAST:
        return ()
    return (pytest.mark.slow,) if name in COMMON else (pytest.mark.slow, pytest.mark.nightly)


CASES = [
    pytest.param(family, task, id=f"{name}-{task.name}", marks=_marks(name))
    for name, family in FAMILIES.items()
    for task in (Task.TEXT, Task.TOKEN)
]


def use(folder: Path, task: Task) -> None:
    """All that `distill` does with a teacher, in small: load, check, train a step, save, load, export and compare."""
    labels, source = LABELS[task], str(folder)
    teacher = load_teacher(source, task, labels)
    texts = TEXTS if task is Task.TEXT else [text.split() for text in TEXTS]
    encoded = encode(teacher.tokenizer, texts, task, 32)
    facts = check_teacher_reads(teacher, source, encoded, 32)
    assert facts.unknown_share < 0.01
    check_exports(teacher, source, task, 32)

    gold = np.arange(len(encoded.unit_positions)) % len(labels)
    batch = make_batch(TrainingSet(encoded, gold), np.arange(5), teacher.pad_id)
    optimizer = torch.optim.SGD(teacher.model.parameters(), lr=0.1)
    teacher.model.train()
    before = {name: weights.clone() for name, weights in teacher.model.named_parameters()}
    gold_loss(batch.of_units(teacher.model(batch.input_ids, batch.attention_mask)), batch.labels).backward()
    optimizer.step()
    changed = {name for name, weights in teacher.model.named_parameters() if not torch.equal(weights, before[name])}
    assert len(changed) > len(before) / 2

    teacher.save(folder / "trained")
    again = load_teacher(str(folder / "trained"), task, labels)
    teacher.model.eval()
    again.model.eval()
    with torch.inference_mode():
        expected = teacher.model(batch.input_ids, batch.attention_mask)
        torch.testing.assert_close(again.model(batch.input_ids, batch.attention_mask), expected)
    assert [one.ids for one in again.tokenizer.encode_batch(TEXTS)] == [
        one.ids for one in teacher.tokenizer.encode_batch(TEXTS)
    ]

    info = BundleInfo(
        task=task, labels=labels, max_length=32, pad_id=teacher.pad_id, student="teacher", dataset="tiny",
        licence="none", teacher=source, recipe="none", precision="fp32", main_metric="f1", main_metric_value=0.0,
        fingerprint="0",
    )  # fmt: skip
    write_bundle(folder / "bundle", model=again.model, tokenizer=again.tokenizer, info=info)
    names = [labels[row % 3] for row in range(len(texts))]
    gold_names = names if task is Task.TEXT else [["O"] * len(words) for words in texts]
    parity = check_parity(again.model, Predictor.load(folder / "bundle"), texts, gold_names)
    assert parity.passed, parity.reason
    assert len(Predictor.load(folder / "bundle").predict(["", TEXTS[0]])) == 2


@pytest.mark.parametrize(("family", "task"), CASES)
def test_it_works_or_says_in_one_line_why_not(family: Family, task: Task, tmp_path: Path) -> None:
    folder = family.write(tmp_path)
    if task in family.refused:
        with pytest.raises(UserError, match=family.refused[task]) as caught:
            use(folder, task)
        assert "\n" not in str(caught.value)
    else:
        use(folder, task)


def test_the_page_on_teachers_lists_what_was_tried() -> None:
    page = (Path(__file__).parents[2] / "docs" / "teachers.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in page.splitlines() if line.startswith("|")]
    tried = [
        [name, *("no" if task in family.refused else "yes" for task in (Task.TEXT, Task.TOKEN))]
        for name, family in FAMILIES.items()
    ]
    assert sorted(rows[2:]) == sorted(tried)
