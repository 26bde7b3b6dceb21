"""The checks of a bundle: it predicts what its model predicts, and its int8 form nearly the same."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from kdops.deploy.answers import predicted_labels
from kdops.deploy.onnx import evaluating
from kdops.deploy.predictor import EncodedText, FloatArray, Inputs, Predictor
from kdops.deploy.tolerances import Parity
from kdops.metrics import Gold, main_metric, score
from kdops.progress import Bar, in_chunks
from kdops.task import Task

_INT8_AGREEMENT = 0.98
_INT8_METRIC_DROP = 0.005


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
    return _compare(predictor, encoded, gold, expected, in_chunks(encoded, predictor.run, "checking the bundle"))


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
        in_chunks(encoded, original.run, "checking int8: fp32"),
        in_chunks(encoded, quantized.run, "checking int8"),
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
    answers = [predicted_labels(predictor.decode(encoded, logits)) for logits in (expected, actual)]
    agreeing = [same for one, other in zip(*answers, strict=True) for same in _agreeing(task, labels, one, other)]
    before, now = (score(task, labels, gold, given)[main_metric(task, labels)] for given in answers)
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
    with evaluating(model), torch.inference_mode(), Bar(len(encoded), "answers of the model", "texts") as progress:
        for start in range(0, len(encoded), batch_size):
            batch = encoded[start : start + batch_size]
            tokens = [torch.tensor(text.ids) for text in batch]
            # Masked positions hold token 0, not the pad token: what lies there must not matter.
            input_ids = pad_sequence(tokens, batch_first=True)
            attention_mask = pad_sequence([torch.ones_like(ids) for ids in tokens], batch_first=True)
            output = model(input_ids.to(device), attention_mask.to(device)).float().cpu().numpy()
            for text, values in zip(batch, output, strict=True):
                logits.append(values[list(text.first_tokens.values())] if task.of_words else values)
            progress.update(len(batch))
    return logits


def _agreeing(task: Task, labels: Sequence[str], one: str | Sequence[str], other: str | Sequence[str]) -> list[bool]:
    """Whether two answers are the same: on each label that a text may have, on each aspect, on each word."""
    if isinstance(one, str):
        return [one == other]
    if task is Task.MULTI_LABEL:
        return [(label in one) == (label in other) for label in labels]
    return [mine == theirs for mine, theirs in zip(one, other, strict=True)]
