"""The gates of a bundle: that it says what its model says, and that its int8 form says nearly the same."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from kdops.deploy.onnx import LOGIT_TOLERANCE, evaluating
from kdops.deploy.predictor import EncodedText, FloatArray, Inputs, Predictor, TextPrediction, TokenPrediction
from kdops.metrics import Gold, main_metric, score
from kdops.task import Task

_INT8_AGREEMENT = 0.98
_INT8_METRIC_DROP = 0.005


@dataclass(frozen=True)
class Parity:
    """How far a bundle is from what it was made from, on real texts.

    Attributes:
        texts: Number of texts compared.
        max_logit_difference: Largest absolute difference of any logit.
        label_agreement: Share of the texts (words, for a token task) that get the same label.
        metric: The bundle's main metric on these texts.
        metric_difference: How much higher that of the original is; negative when the bundle's is higher.
        logit_tolerance: Largest logit difference that passes.
        agreement_needed: Smallest agreement that passes.
        metric_tolerance: Largest metric difference that passes.
    """

    texts: int
    max_logit_difference: float
    label_agreement: float
    metric: float
    metric_difference: float
    logit_tolerance: float = LOGIT_TOLERANCE
    agreement_needed: float = 1.0
    metric_tolerance: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the bundle may stand for its original."""
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

    def numbers(self) -> dict[str, float]:
        """What was measured, by name."""
        return {
            "texts": self.texts,
            "max_logit_difference": self.max_logit_difference,
            "label_agreement": self.label_agreement,
            "metric_difference": self.metric_difference,
        }


class GateError(RuntimeError):
    """A bundle that may not stand for what it was made from."""

    def __init__(self, what: str, parity: Parity) -> None:
        super().__init__(f"{what}: {parity.reason}")
        self.parity = parity


def check_parity(
    model: torch.nn.Module, predictor: Predictor, inputs: Inputs, gold: Gold, *, max_texts: int = 1000
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
    chosen = np.linspace(0, len(inputs) - 1, min(len(inputs), max_texts)).round().astype(int).tolist()
    encoded = predictor.encode([inputs[index] for index in chosen])
    gold = [gold[index] for index in chosen]
    expected = _torch_logits(model, encoded, Task(predictor.info.task))
    return _compare(predictor, encoded, gold, expected, predictor.run(encoded))


def check_int8(original: Predictor, quantized: Predictor, inputs: Inputs, gold: Gold) -> Parity:
    """Compare an int8 bundle with the fp32 one that it was made from.

    It passes when 98% of the labels agree and the main metric drops by at most 0.5 points; logits may differ.

    Args:
        original: The fp32 bundle.
        quantized: The int8 bundle, of the same tokenizer.
        inputs: Texts or lists of words; all of them are compared.
        gold: Their label names, or tags.

    Raises:
        ValueError: There is nothing to compare.
    """
    encoded = original.encode(inputs)
    return _compare(
        quantized,
        encoded,
        gold,
        original.run(encoded),
        quantized.run(encoded),
        logit_tolerance=math.inf,
        agreement_needed=_INT8_AGREEMENT,
        metric_tolerance=_INT8_METRIC_DROP,
    )


def _compare(
    predictor: Predictor,
    encoded: Sequence[EncodedText],
    gold: Gold,
    expected: Sequence[FloatArray],
    actual: Sequence[FloatArray],
    **tolerances: float,
) -> Parity:
    if not encoded:
        raise ValueError("parity needs at least one text")
    task, labels = Task(predictor.info.task), predictor.info.labels
    differences = [float(np.abs(one - other).max(initial=0)) for one, other in zip(expected, actual, strict=True)]
    predictions = [predictor.decode(encoded, logits) for logits in (expected, actual)]
    agreeing = [one == other for one, other in zip(*map(_flat_labels, predictions), strict=True)]
    before, now = (score(task, labels, gold, _labels(given))[main_metric(task, labels)] for given in predictions)
    return Parity(
        texts=len(encoded),
        max_logit_difference=float(np.max(differences, initial=0)),
        label_agreement=float(np.mean(agreeing)) if agreeing else 1.0,
        metric=now,
        metric_difference=before - now,
        **tolerances,
    )


def _torch_logits(
    model: torch.nn.Module, encoded: Sequence[EncodedText], task: Task, batch_size: int = 7
) -> list[FloatArray]:
    """Logits of the torch model, in the form of `Predictor.run`."""
    logits: list[FloatArray] = []
    device = next(model.parameters()).device
    with evaluating(model), torch.inference_mode():
        for start in range(0, len(encoded), batch_size):
            batch = encoded[start : start + batch_size]
            pieces = [torch.tensor(text.ids) for text in batch]
            # Masked positions hold piece 0, not the pad piece: what lies there must not matter.
            input_ids = pad_sequence(pieces, batch_first=True)
            attention_mask = pad_sequence([torch.ones_like(ids) for ids in pieces], batch_first=True)
            output = model(input_ids.to(device), attention_mask.to(device)).float().cpu().numpy()
            for text, values in zip(batch, output, strict=True):
                logits.append(values[list(text.first_pieces.values())] if task.of_words else values)
    return logits


def _labels(predictions: Sequence[TextPrediction | TokenPrediction]) -> list[str] | list[list[str]]:
    tags = [list(one.tags) for one in predictions if isinstance(one, TokenPrediction)]
    return tags or [one.label for one in predictions if isinstance(one, TextPrediction)]


def _flat_labels(predictions: Sequence[TextPrediction | TokenPrediction]) -> list[str]:
    return [label for one in predictions for label in (one.tags if isinstance(one, TokenPrediction) else (one.label,))]
