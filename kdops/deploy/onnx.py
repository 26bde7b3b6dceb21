"""From a torch model to an ONNX graph, and the proof that both say the same."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch.nn.utils.rnn import pad_sequence

from kdops.deploy.predictor import EncodedText, FloatArray, Inputs, Predictor, TextPrediction, TokenPrediction
from kdops.metrics import main_metric, score
from kdops.task import Task

# The first opset with LayerNormalization, and old enough for every runtime of the last years.
OPSET = 17

_CHECKED_LENGTHS = (1, 2, 7, 20, 64, 128)
_LOGIT_TOLERANCE = 1e-4


class ExportError(RuntimeError):
    """A graph that does not compute what its model computes, at every batch size and length."""


@dataclass(frozen=True)
class Parity:
    """How far a bundle is from the torch model it was exported from, on real texts.

    Attributes:
        texts: Number of texts compared.
        max_logit_difference: Largest absolute difference of any logit.
        label_agreement: Share of the texts (words, for a token task) that get the same label.
        metric_difference: Absolute difference of the task's main metric.
        logit_tolerance: Largest logit difference that passes.
        agreement_needed: Smallest agreement that passes.
        metric_tolerance: Largest metric difference that passes.
    """

    texts: int
    max_logit_difference: float
    label_agreement: float
    metric_difference: float
    logit_tolerance: float = _LOGIT_TOLERANCE
    agreement_needed: float = 1.0
    metric_tolerance: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the bundle may stand for the model."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why it may not, in one line; empty when it may."""
        # Written so that a NaN fails.
        if not self.max_logit_difference <= self.logit_tolerance:
            return f"logits differ by up to {self.max_logit_difference:.2e}, more than {self.logit_tolerance:.0e}"
        if not self.label_agreement >= self.agreement_needed:
            return f"only {self.label_agreement:.4%} of the labels agree, {self.agreement_needed:.4%} needed"
        if not self.metric_difference <= self.metric_tolerance:
            return f"the main metric differs by {self.metric_difference:.4f}, more than {self.metric_tolerance:.4f}"
        return ""


def export(model: torch.nn.Module, path: Path, task: Task, *, max_length: int = 128) -> None:
    """Write a model as an ONNX graph with symbolic batch and sequence axes, and check it on ragged batches.

    Args:
        model: Maps `input_ids` and `attention_mask`, int64 (batch, sequence), to logits: (batch, classes), or
            (batch, sequence, classes) for a token task.
        path: The file to write.
        task: Decides the shape of the output.
        max_length: Longest sequence that the model reads; the graph is checked at lengths up to it.

    Raises:
        ExportError: The graph is tied to one shape, or differs from the model.
    """
    axes = {0: "batch", 1: "sequence"}
    with _evaluating(model), warnings.catch_warnings(), torch.no_grad():
        # The TorchScript exporter, on purpose: it writes one LSTM node, which the int8 quantiser knows; the newer
        # one spells its weights as computations. It warns about being old, and about what the checks below cover.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            _ragged_batch(model, rows=2, length=min(5, max_length)),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={
                "input_ids": axes,
                "attention_mask": axes,
                "logits": axes if task is Task.TOKEN else {0: "batch"},
            },
        )
        _check_axes(path)
        _check_shapes(model, path, max_length)


def check_parity(
    model: torch.nn.Module,
    predictor: Predictor,
    inputs: Inputs,
    gold: Sequence[str] | Sequence[Sequence[str]],
    *,
    max_texts: int = 1000,
) -> Parity:
    """Compare a bundle with its torch model on real texts.

    The two sides batch differently (small batches in the given order here, large ones sorted by length there), so
    agreement also proves that a text's logits do not depend on its neighbours. The model runs where it is; a GPU's
    reduced-precision matrix products may exceed the tolerance, so move it to the CPU first.

    Args:
        model: What the bundle was exported from.
        predictor: The loaded bundle.
        inputs: Texts or lists of words, as the predictor takes them.
        gold: Their label names, or tags.
        max_texts: At most this many are compared, spread evenly over the inputs.

    Raises:
        ValueError: There is nothing to compare.
    """
    if not len(inputs):
        raise ValueError("parity needs at least one text")
    task, labels = Task(predictor.info.task), predictor.info.labels
    chosen = np.linspace(0, len(inputs) - 1, min(len(inputs), max_texts)).round().astype(int).tolist()
    encoded = predictor.encode([inputs[index] for index in chosen])
    gold = [gold[index] for index in chosen]
    ours, theirs = _torch_logits(model, encoded, task), predictor.run(encoded)

    differences = [float(np.abs(one - other).max(initial=0)) for one, other in zip(ours, theirs, strict=True)]
    predictions = [predictor.decode(encoded, logits) for logits in (ours, theirs)]
    agreeing = [one == other for one, other in zip(*map(_flat_labels, predictions), strict=True)]
    metrics = [score(task, labels, gold, _labels(given))[main_metric(task, labels)] for given in predictions]
    return Parity(
        texts=len(encoded),
        max_logit_difference=float(np.max(differences, initial=0)),
        label_agreement=float(np.mean(agreeing)) if agreeing else 1.0,
        metric_difference=abs(metrics[0] - metrics[1]),
    )


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
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
    """Piece ids 0 and 1, which every vocabulary has, and masks of falling length: (rows, length) each."""
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
    """Symbolic names prove nothing: a length that was traced as a constant shows only when the graph runs."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for rows, length in ((rows, length) for length in _CHECKED_LENGTHS if length <= max_length for rows in (1, 3)):
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
            # What a model says about padding is nobody's business.
            difference = difference[feed["attention_mask"].astype(bool)]
        if not difference.max() <= _LOGIT_TOLERANCE:
            raise ExportError(f"{path}: logits of a batch of {rows} x {length} differ by {difference.max():.2e}")


def _torch_logits(
    model: torch.nn.Module, encoded: Sequence[EncodedText], task: Task, batch_size: int = 7
) -> list[FloatArray]:
    """Logits of the torch model, in the form of `Predictor.run`."""
    logits: list[FloatArray] = []
    with _evaluating(model), torch.inference_mode():
        for start in range(0, len(encoded), batch_size):
            batch = encoded[start : start + batch_size]
            pieces = [torch.tensor(text.ids) for text in batch]
            # Masked positions hold piece 0, not the pad piece: what lies there must not matter.
            input_ids = pad_sequence(pieces, batch_first=True)
            attention_mask = pad_sequence([torch.ones_like(ids) for ids in pieces], batch_first=True)
            output = model(input_ids.to(_device(model)), attention_mask.to(_device(model))).float().cpu().numpy()
            for text, values in zip(batch, output, strict=True):
                logits.append(values if task is Task.TEXT else values[list(text.first_pieces.values())])
    return logits


def _labels(predictions: Sequence[TextPrediction | TokenPrediction]) -> list[str] | list[list[str]]:
    tags = [list(one.tags) for one in predictions if isinstance(one, TokenPrediction)]
    return tags or [one.label for one in predictions if isinstance(one, TextPrediction)]


def _flat_labels(predictions: Sequence[TextPrediction | TokenPrediction]) -> list[str]:
    return [label for one in predictions for label in (one.tags if isinstance(one, TokenPrediction) else (one.label,))]
