"""int8: what the graphs hold, that they answer like fp32 at every shape, and what the gate refuses."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from tokenizers import Tokenizer
from torch import nn

from kdops.deploy.bundle import write_bundle, write_int8_bundle
from kdops.deploy.onnx import export
from kdops.deploy.predictor import BundleInfo, Predictor, TextPrediction, TokenPrediction, read_info
from kdops.deploy.quantize import quantize
from kdops.deploy.tolerances import GateError
from kdops.models.build import build_student
from kdops.models.student_kinds import STUDENTS
from kdops.task import Task

PIECES = 2000
LONGEST = 512
# bert-small takes seconds a batch; it is bert-mini, wider.
QUICK = tuple(name for name in STUDENTS if name != "bert-small")

Array = NDArray[np.float32]


class Exported:
    """A student of random weights, and its graphs."""

    def __init__(self, name: str, task: Task, folder: Path) -> None:
        torch.manual_seed(0)
        self.task = task
        self.model = build_student(name, PIECES, 4, task).eval()
        self.graphs = {kind: folder / f"{kind}.onnx" for kind in ("fp32", "int8", "weights")}
        export(self.model, self.graphs["fp32"], task, max_length=LONGEST)
        quantize(self.graphs["fp32"], self.graphs["int8"])
        quantize(self.graphs["fp32"], self.graphs["weights"], weights_only=True)
        self.sessions = {
            kind: onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            for kind, path in self.graphs.items()
        }

    def logits(self, kind: str, input_ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Array:
        """Of the real positions."""
        (found,) = self.sessions[kind].run(["logits"], {"input_ids": input_ids, "attention_mask": mask})
        return self.kept(found, mask)

    def expected(self, input_ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Array:
        with torch.inference_mode():
            found = self.model(torch.from_numpy(input_ids), torch.from_numpy(mask)).numpy()
        return self.kept(found, mask)

    def kept(self, logits: Array, mask: NDArray[np.int64]) -> Array:
        return logits[mask.astype(bool)] if self.task is Task.TOKEN else logits

    def tensors(self, kind: str) -> dict[str, TensorProto]:
        return {tensor.name: tensor for tensor in onnx.load(str(self.graphs[kind])).graph.initializer}


@pytest.fixture(scope="module", params=[(name, task) for name in QUICK for task in (Task.TEXT, Task.TOKEN)], ids=str)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    name, task = request.param
    return Exported(name, task, tmp_path_factory.mktemp("graphs"))


def ragged(rows: int, length: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Random pieces, and masks of random lengths, one of them full."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, length + 1, (rows, 1))
    lengths[generator.integers(rows)] = length
    return generator.integers(0, PIECES, (rows, length)), (np.arange(length) < lengths).astype(np.int64)


def close(actual: Array, expected: Array, share: float) -> bool:
    """Whether they differ by no more than a share of what the logits span."""
    return bool(np.abs(actual - expected).max() <= share * max(float(np.ptp(expected)), 1.0))


class TestGraphs:
    def test_weights_are_held_in_8_bits(self, exported: Exported) -> None:
        for kind in ("int8", "weights"):
            left = [
                tensor.name
                for tensor in exported.tensors(kind).values()
                if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2 and np.prod(tensor.dims) >= 16_384
            ]
            assert left == []
        sizes = {kind: path.stat().st_size for kind, path in exported.graphs.items()}
        assert sizes["int8"] < 0.35 * sizes["fp32"]

    def test_the_table_is_looked_up_as_int8(self, exported: Exported) -> None:
        for kind in ("int8", "weights"):
            tensors = exported.tensors(kind)
            nodes = onnx.load(str(exported.graphs[kind])).graph.node
            (table,) = (one for name, one in tensors.items() if one.dims[:1] == [PIECES] and "_int8" in name)
            assert table.data_type == TensorProto.INT8
            assert {node.op_type for node in nodes if table.name in node.input} == {"Gather"}
            name = table.name.removesuffix("_int8")
            original = numpy_helper.to_array(exported.tensors("fp32")[name])
            scales = numpy_helper.to_array(tensors[f"{name}_scale"])
            restored = numpy_helper.to_array(table) * scales
            # Rounding is off by half a step at most.
            assert (np.abs(restored - original) <= scales * 0.5001).all()

    def test_the_lstm_is_quantised_and_convolutions_are_not(self, exported: Exported) -> None:
        kinds = {node.op_type for node in onnx.load(str(exported.graphs["int8"])).graph.node}
        assert "LSTM" not in kinds
        assert "ConvInteger" not in kinds
        # Beside it there are standard operators only, which any release on any CPU runs.
        nodes = onnx.load(str(exported.graphs["int8"])).graph.node
        assert {node.op_type for node in nodes if node.domain} <= {"DynamicQuantizeLSTM"}


class TestAnswers:
    @settings(
        max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(rows=st.integers(1, 5), length=st.integers(1, 70), seed=st.integers(0, 1000))
    def test_on_any_ragged_batch(self, exported: Exported, rows: int, length: int, seed: int) -> None:
        batch = ragged(rows, length, seed)
        expected = exported.expected(*batch)
        assert np.abs(exported.logits("fp32", *batch) - expected).max() < 1e-4
        assert close(exported.logits("weights", *batch), expected, 0.05)
        assert close(exported.logits("int8", *batch), expected, 0.2)

    @pytest.mark.slow
    @pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, LONGEST), (3, LONGEST), (256, 1), (256, 20)])
    def test_from_one_token_to_the_longest_text_and_the_largest_batch(
        self, exported: Exported, rows: int, length: int
    ) -> None:
        batch = ragged(rows, length, seed=1)
        expected = exported.expected(*batch)
        assert np.abs(exported.logits("fp32", *batch) - expected).max() < 1e-4
        assert close(exported.logits("int8", *batch), expected, 0.2)


class Peaked(nn.Module):
    """Sums the votes of the pieces, next to activations so large that one scale for all leaves nothing of the votes."""

    def __init__(self, pieces: int, peak: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(pieces, 160)
        self.mixed = nn.Linear(160, 160, bias=False)
        self.output = nn.Linear(160, 3, bias=False)
        with torch.no_grad():
            self.mixed.weight.copy_(torch.eye(160))
            # The first activations, which may share their scale with the peak, tell nothing.
            self.output.weight[:, :32] = 0
        self.peak = nn.Parameter(torch.tensor([peak, *[0.0] * 159]))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.mixed(self.embedding(input_ids) + self.peak) * attention_mask[..., None]
        logits: torch.Tensor = self.output(states).sum(dim=1)
        return logits


class TestGate:
    @pytest.fixture
    def fp32(self, tmp_path: Path, tokenizer: Tokenizer, info: Callable[..., BundleInfo]) -> Callable[..., Path]:
        def make(peak: float) -> Path:
            torch.manual_seed(0)
            model = Peaked(tokenizer.get_vocab_size(), peak)
            return write_bundle(tmp_path / "bundle", model=model, tokenizer=tokenizer, info=info(Task.TEXT))

        return make

    @staticmethod
    def gold(bundle: Path, texts: list[str]) -> list[str]:
        answers = Predictor.load(bundle).predict(texts)
        return [one.label for one in answers if isinstance(one, TextPrediction)]

    def test_a_bundle_that_passes(self, fp32: Callable[..., Path], texts: list[str], tmp_path: Path) -> None:
        source = fp32(0.0)
        parity = write_int8_bundle(tmp_path / "int8", source, texts, self.gold(source, texts))
        assert (parity.passed, parity.metric) == (True, 1.0)
        quantized = Predictor.load(tmp_path / "int8").info
        assert (quantized.precision, quantized.main_metric_value) == ("int8", 1.0)
        assert quantized.files.keys() == read_info(source).files.keys()
        assert quantized.fingerprint == read_info(source).fingerprint
        operators = {node.op_type for node in onnx.load(str(tmp_path / "int8" / "model.onnx")).graph.node}
        assert "MatMulInteger" in operators

    def test_activations_that_cannot_be_quantised_stay_as_they_are(
        self, fp32: Callable[..., Path], texts: list[str], tmp_path: Path
    ) -> None:
        source = fp32(1e4)
        write_int8_bundle(tmp_path / "int8", source, texts, self.gold(source, texts))
        operators = {node.op_type for node in onnx.load(str(tmp_path / "int8" / "model.onnx")).graph.node}
        assert "DequantizeLinear" in operators
        assert "MatMulInteger" not in operators

    def test_a_bundle_that_does_not_pass_is_not_written(
        self, fp32: Callable[..., Path], texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = fp32(0.0)
        monkeypatch.setattr("kdops.deploy.parity._INT8_AGREEMENT", 1.01)
        with pytest.raises(GateError, match="bilstm for sample cannot be int8: only 100"):
            write_int8_bundle(tmp_path / "int8", source, texts, self.gold(source, texts))
        assert sorted(path.name for path in tmp_path.iterdir() if "int8" in path.name) == []

    def test_words_too(self, bundles: dict[Task, Path], texts: list[str], tmp_path: Path) -> None:
        inputs = [text.split() for text in texts]
        answers = Predictor.load(bundles[Task.TOKEN]).predict(inputs)
        gold = [list(one.tags) for one in answers if isinstance(one, TokenPrediction)]
        parity = write_int8_bundle(tmp_path / "int8", bundles[Task.TOKEN], inputs, gold)
        assert parity.label_agreement >= 0.98
