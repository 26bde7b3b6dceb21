"""Several teachers that read the same tokens are one model."""

from pathlib import Path

import pytest
import torch
from encoders import FAMILIES, TEXTS

from kdops.deploy.teacher_export import check_exports
from kdops.errors import UserError
from kdops.models.teachers.ensemble import mean_teacher
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.model import Teacher
from kdops.models.teachers.sources import check_teacher, teacher_identity
from kdops.models.teachers.tokenizers import load_tokenizer
from kdops.task import Task

LABELS = {Task.TEXT: ("negative", "neutral", "positive"), Task.TOKEN: ("O", "B-LOC", "I-LOC")}


@pytest.fixture(params=[Task.TEXT, Task.TOKEN])
def task(request: pytest.FixtureRequest) -> Task:
    given: Task = request.param
    return given


@pytest.fixture
def members(task: Task, tmp_path: Path) -> list[Teacher]:
    """Three teachers with heads of their own on one encoder."""
    folder = tmp_path / "bert"
    folder.mkdir()
    FAMILIES["BERT"].write(folder)
    return [load_teacher(str(folder), task, LABELS[task]) for _ in range(3)]


def logits_of(teacher: Teacher) -> torch.Tensor:
    ids = torch.tensor([teacher.tokenizer.encode(TEXTS[0]).ids])
    with torch.inference_mode():
        logits: torch.Tensor = teacher.model(ids, torch.ones_like(ids))
    return logits


def test_its_probabilities_are_the_mean_of_its_members(members: list[Teacher]) -> None:
    each = torch.stack([logits_of(one).softmax(dim=-1) for one in members])
    assert each.std(dim=0).min() > 1e-3
    mean = mean_teacher(members)
    torch.testing.assert_close(logits_of(mean).exp(), each.mean(dim=0))
    torch.testing.assert_close(logits_of(mean).exp().sum(dim=-1), torch.ones(each.shape[1:-1]))
    count = sum(weights.numel() for weights in members[0].model.parameters())
    assert sum(weights.numel() for weights in mean.model.parameters()) == 3 * count
    assert mean.max_length == members[0].max_length


def test_it_is_the_same_after_save_and_load(members: list[Teacher], task: Task, tmp_path: Path) -> None:
    mean, saved = mean_teacher(members), tmp_path / "saved"
    mean.save(saved)
    check_teacher(str(saved))
    loaded = load_teacher(str(saved), task, LABELS[task])
    torch.testing.assert_close(logits_of(loaded), logits_of(mean))
    assert load_tokenizer(saved).to_str() == loaded.tokenizer.to_str()
    before = teacher_identity(str(saved))
    weights = saved / "member-002" / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert teacher_identity(str(saved)) != before


def test_its_graph_says_what_it_says(members: list[Teacher], task: Task) -> None:
    check_exports(mean_teacher(members), "three", task, 32)


def test_teachers_that_read_other_tokens_are_not_one_model(members: list[Teacher], task: Task, tmp_path: Path) -> None:
    other = load_teacher(str(FAMILIES["RoBERTa"].write(tmp_path)), task, LABELS[task])
    with pytest.raises(UserError, match="different tokenizers"):
        mean_teacher([members[0], other])
