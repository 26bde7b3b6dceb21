"""From a torch model to an ONNX graph, and the proof that both compute the same."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto

from kdops.deploy.tolerances import LOGIT_TOLERANCE
from kdops.task import Task

# The first opset with LayerNormalization, and old enough for every runtime of the last years.
OPSET = 17

_CHECKED_LENGTHS = (1, 2, 7, 20, 64, 128)  # those up to the model's longest, and that one


class ExportError(RuntimeError):
    """A graph that does not compute what its model computes, at every batch size and length."""


def export(model: torch.nn.Module, path: Path, task: Task, *, max_length: int = 128) -> None:
    """Write a model as an ONNX graph with symbolic batch and sequence axes, and check it on ragged batches.

    The graph is optimised ahead of time; see `optimise`. What is checked is what is written.

    Args:
        model: Maps `input_ids` and `attention_mask`, int64 (batch, sequence), to logits: (batch, classes), or
            (batch, sequence, classes) for a token task.
        path: The file to write.
        task: Decides the shape of the output.
        max_length: Longest sequence that the model reads; the graph is checked at lengths up to it, and at it.

    Raises:
        ExportError: The graph is tied to one shape, or differs from the model.
    """
    axes = {0: "batch", 1: "sequence"}
    with evaluating(model), warnings.catch_warnings(), torch.no_grad(), TemporaryDirectory() as temporary:
        raw = Path(temporary) / "raw.onnx"
        # The TorchScript exporter, on purpose: it writes one LSTM node, which the int8 quantiser knows; the newer
        # one spells its weights as computations. It warns about being old, and about what the checks below cover.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            _ragged_batch(model, rows=2, length=min(5, max_length)),
            str(raw),
            dynamo=False,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={
                "input_ids": axes,
                "attention_mask": axes,
                "logits": axes if task.of_words else {0: "batch"},
            },
        )
        _check_axes(raw)
        optimise(raw, path)
        _check_shapes(model, path, max_length)


def optimise(source: Path, target: Path) -> None:
    """Write a graph again as onnxruntime's basic level makes it: about half of the nodes, loaded a quarter faster.

    That level writes standard operators only; beyond it a graph would be tied to one release, and at level `all` to one
    kind of CPU.

    Args:
        source: The graph.
        target: The file to write; weights that the source keeps in other files go to one more file beside it.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    weights = onnx.load(str(source), load_external_data=False).graph.initializer
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in weights):
        # A file of the format holds 2 GB at most.
        setting = "session.optimized_model_external_initializers_file_name"
        options.add_session_config_entry(setting, f"{target.name}.data")
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode for the length of a block, and each of its modules back where it was."""
    # Flag by flag: putting back only the root's would switch dropout on in a sub-module that was in evaluation mode.
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, flag in training.items():
            module.training = flag


def _device(model: torch.nn.Module) -> torch.device:
    return next(model.parameters()).device


def _ragged_batch(model: torch.nn.Module, rows: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids 0 and 1, which every vocabulary has, and masks of falling length: (rows, length) each."""
    lengths = torch.tensor([max(1, length - row * max(1, length // rows)) for row in range(rows)])
    attention_mask = (torch.arange(length) < lengths[:, None]).long()
    input_ids = torch.randint(0, 2, (rows, length), generator=torch.Generator().manual_seed(length))
    return input_ids.to(_device(model)), attention_mask.to(_device(model))


def _check_axes(path: Path) -> None:
    for given in onnx.load(str(path), load_external_data=False).graph.input:
        shape = given.type.tensor_type.shape.dim
        if len(shape) != 2 or not all(axis.dim_param for axis in shape):
            raise ExportError(f"{path}: axes of {given.name} are {[axis.dim_value for axis in shape]}, not symbolic")


def _check_shapes(model: torch.nn.Module, path: Path, max_length: int) -> None:
    """Symbolic names prove nothing: a length that was traced as a constant shows only when the graph runs.

    The batches are no texts, and a sharp student may answer them with logits of 30, whose rounding alone comes near the
    tolerance of real texts: so here that is relative to the largest logit, where it is above one.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    lengths = sorted({*(length for length in _CHECKED_LENGTHS if length < max_length), max_length})
    for rows, length in ((rows, length) for length in lengths for rows in (1, 3)):
        input_ids, attention_mask = _ragged_batch(model, rows, length)
        expected = model(input_ids, attention_mask).cpu().numpy()
        feed = {"input_ids": input_ids.cpu().numpy(), "attention_mask": attention_mask.cpu().numpy()}
        try:
            (actual,) = session.run(["logits"], feed)
        except Exception as error:  # onnxruntime's exceptions have no common public type
            raise ExportError(f"{path}: fails on a batch of {rows} x {length}: {error}") from error
        if actual.shape != expected.shape:
            raise ExportError(f"{path}: logits of a batch of {rows} x {length} have shape {actual.shape}")
        difference = np.abs(actual - expected)
        if difference.ndim == 3:
            # Logits of padding do not matter.
            difference = difference[feed["attention_mask"].astype(bool)]
        if not difference.max() <= LOGIT_TOLERANCE * max(1.0, np.abs(expected).max()):
            raise ExportError(f"{path}: logits of a batch of {rows} x {length} differ by {difference.max():.2e}")
