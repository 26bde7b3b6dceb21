import itertools
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import kdops.deploy.onnx as exporting
from kdops.deploy.onnx import ExportError, export
from kdops.models.build import build_student
from kdops.models.student_kinds import STUDENTS
from kdops.task import Task

MOST_TOKENS = 2_048
SHAPES = list(itertools.product((1, 2, 5), (1, 2, 7, 20, 64, 128)))


class Bert(nn.Module):
    """A small random BERT that gives logits."""

    def __init__(self, task: Task, attention: str, positions: int = 128) -> None:
        super().__init__()
        from transformers import BertConfig, BertForSequenceClassification, BertForTokenClassification

        torch.manual_seed(0)
        kind = BertForSequenceClassification if task is Task.TEXT else BertForTokenClassification
        config = BertConfig(
            vocab_size=50,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            num_labels=3,
            max_position_embeddings=positions,
            initializer_range=0.2,
            attn_implementation=attention,
        )
        self.encoder = kind(config)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def worst_difference(model: nn.Module, path: Path) -> float:
    """Largest logit difference on real positions, over many shapes with random masks."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return max(ragged_difference(model, session, rows, length, seed=0) for rows, length in SHAPES)


def ragged_difference(
    model: nn.Module, session: onnxruntime.InferenceSession, rows: int, length: int, seed: int
) -> float:
    """The same in one batch of random lengths up to `length`."""
    generator = np.random.default_rng(seed)
    input_ids = generator.integers(0, 50, (rows, length))
    mask = (np.arange(length) < generator.integers(1, length + 1, (rows, 1))).astype(np.int64)
    with torch.inference_mode():
        expected = model.eval()(torch.tensor(input_ids), torch.tensor(mask)).numpy()
    (actual,) = session.run(["logits"], {"input_ids": input_ids, "attention_mask": mask})
    assert actual.shape == expected.shape
    difference = np.abs(actual - expected)
    return float((difference[mask.astype(bool)] if difference.ndim == 3 else difference).max())


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_bert_is_exact_at_every_length_and_mask(tmp_path: Path, task: Task, attention: str) -> None:
    model = Bert(task, attention)
    export(model, tmp_path / "bert.onnx", task)
    assert worst_difference(model, tmp_path / "bert.onnx") < 1e-5


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_bilstm_is_exact_at_every_length_and_mask(
    tmp_path: Path, student: Callable[..., nn.Module], task: Task
) -> None:
    export(student(task), tmp_path / "student.onnx", task)
    assert worst_difference(student(task), tmp_path / "student.onnx") < 1e-5


@pytest.fixture(scope="module", params=list(itertools.product(STUDENTS, (Task.TEXT, Task.TOKEN))), ids="-".join)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[nn.Module, onnxruntime.InferenceSession]:
    """Each student of each task, and a session on its graph."""
    name, task = request.param
    torch.manual_seed(0)
    model = build_student(name, 50, 3, task)
    graph = tmp_path_factory.mktemp("exported") / "student.onnx"
    export(model, graph, task, max_length=512)
    return model, onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])


@given(rows=st.integers(1, 256), length=st.integers(1, 512), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
@example(rows=1, length=1, seed=0)
@example(rows=1, length=512, seed=0)
@example(rows=256, length=1, seed=0)
@example(rows=256, length=16, seed=0)
def test_every_student_is_exact_on_ragged_batches(
    exported: tuple[nn.Module, onnxruntime.InferenceSession], rows: int, length: int, seed: int
) -> None:
    rows = min(rows, max(1, MOST_TOKENS // length))
    assert ragged_difference(*exported, rows, length, seed) < 1e-5


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_a_residual_around_attention_is_exported_as_it_is(tmp_path: Path, task: Task) -> None:
    torch.manual_seed(0)
    model = build_student("bilstm", 50, 3, task, residual=True)
    export(model, tmp_path / "student.onnx", task)
    assert worst_difference(model, tmp_path / "student.onnx") < 1e-5


def test_the_lstm_stays_one_node_and_the_graph_one_file(tmp_path: Path, student: Callable[..., nn.Module]) -> None:
    export(student(Task.TEXT), tmp_path / "student.onnx", Task.TEXT)
    operators = [node.op_type for node in onnx.load(str(tmp_path / "student.onnx")).graph.node]
    assert operators.count("LSTM") == 2
    assert [path.name for path in tmp_path.glob("*.onnx*")] == ["student.onnx"]


def test_export_is_silent_and_leaves_the_model_as_it_was(tmp_path: Path, student: Callable[..., nn.Module]) -> None:
    model = student(Task.TEXT).train()
    model.get_submodule("dropout").eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(model, tmp_path / "student.onnx", Task.TEXT)
    assert model.training
    assert not model.get_submodule("dropout").training


def test_a_short_model_is_checked_within_its_length(tmp_path: Path) -> None:
    model = Bert(Task.TEXT, "sdpa", positions=16)
    export(model, tmp_path / "bert.onnx", Task.TEXT, max_length=16)
    with pytest.raises(RuntimeError, match="must match the existing size"):
        export(model, tmp_path / "bert.onnx", Task.TEXT, max_length=64)


class FixedLength(nn.Module):
    """Reads its length as a number while it is traced."""

    def __init__(self, sharpness: float = 1.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(4, 3)
        self.sharpness = sharpness

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        embedded = self.sharpness * self.embedding(input_ids) * attention_mask[..., None]
        return embedded.sum(dim=1) / int(input_ids.shape[1])


class IgnoresMask(nn.Module):
    """Its graph has one input."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(4, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.embedding(input_ids).sum(dim=1) + torch.zeros(int(attention_mask.shape[1]))[:1]


@pytest.mark.parametrize("sharpness", [1.0, 100.0])
def test_a_length_traced_as_a_constant_is_noticed(tmp_path: Path, sharpness: float) -> None:
    with pytest.raises(ExportError, match="differ by"):
        export(FixedLength(sharpness), tmp_path / "fixed.onnx", Task.TEXT)


def test_the_rounding_of_large_logits_is_no_difference(tmp_path: Path, student: Callable[..., nn.Module]) -> None:
    model = student(Task.TEXT)
    with torch.no_grad():
        model.get_parameter("output.weight").mul_(1e5)
    export(model, tmp_path / "sharp.onnx", Task.TEXT)
    assert worst_difference(model, tmp_path / "sharp.onnx") > 1e-4


class LongestDiffers(nn.Module):
    """Decides by its length while it is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(4, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        longest = 1.0 if int(input_ids.shape[1]) > 128 else 0.0
        return (self.embedding(input_ids) * attention_mask[..., None]).mean(dim=1) + longest


def test_the_longest_length_is_checked_too(tmp_path: Path) -> None:
    export(LongestDiffers(), tmp_path / "longest.onnx", Task.TEXT, max_length=128)
    with pytest.raises(ExportError, match="logits of a batch of 1 x 200 differ by"):
        export(LongestDiffers(), tmp_path / "longest.onnx", Task.TEXT, max_length=200)


@pytest.mark.parametrize("name", ["bilstm", "cnn", "bert-tiny"])
@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_the_graph_is_optimised_and_says_the_same(
    tmp_path: Path, task: Task, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = build_student(name, 50, 3, task)
    export(model, tmp_path / "optimised.onnx", task)
    monkeypatch.setattr(exporting, "optimise", shutil.copyfile)
    export(model, tmp_path / "raw.onnx", task)
    nodes, answers = [], []
    for path in (tmp_path / "optimised.onnx", tmp_path / "raw.onnx"):
        graph = onnx.load(str(path)).graph
        assert {node.domain for node in graph.node} == {""}, "these run on one release only"
        nodes.append(len(graph.node))
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        input_ids, mask = np.arange(40).reshape(2, 20), np.ones((2, 20), dtype=np.int64)
        answers += session.run(["logits"], {"input_ids": input_ids, "attention_mask": mask})
    assert nodes[0] < 0.75 * nodes[1]
    np.testing.assert_allclose(*answers, atol=1e-6)


def test_weights_beside_the_graph_stay_beside_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    export(build_student("bert-tiny", 50, 3, Task.TEXT), tmp_path / "one.onnx", Task.TEXT)
    (tmp_path / "large").mkdir()
    onnx.save(onnx.load(str(tmp_path / "one.onnx")), str(tmp_path / "large" / "raw.onnx"), save_as_external_data=True)
    (tmp_path / "out").mkdir()
    exporting.optimise(tmp_path / "large" / "raw.onnx", tmp_path / "out" / "model.onnx")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model.onnx", "model.onnx.data"]
    assert (tmp_path / "out" / "model.onnx").stat().st_size < 0.2 * (tmp_path / "one.onnx").stat().st_size


def test_a_graph_without_mask_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="fails on a batch of 1 x 1"):
        export(IgnoresMask(), tmp_path / "maskless.onnx", Task.TEXT)
