"""The clean process of one predictor: it loads it as a service would, and answers texts one at a time and in batches.

`python -m benchmarks.answering` reads one JSON request (the fields of `Request`) from standard input and writes one
JSON answer (the fields of `Answer`) to standard output. Each way to predict imports its own libraries and no others,
so that the memory it reads is the memory that serving takes. Some of them are installed in environments of their own
only, where this module runs too.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import cycle, islice
from pathlib import Path

from kdops.measure.probes import peak_rss_mb

_WARM_UP_TEXTS = 32
_BATCH_SIZE = 32

Predict = Callable[[Sequence[str]], Sequence[str]]


class Way(StrEnum):
    """How a predictor is loaded from its folder."""

    KDOPS = "kdops"
    EAGER = "eager"
    COMPILED = "compiled"
    PIPELINE = "pipeline"
    FASTTEXT = "fasttext"
    LINEAR = "linear"
    MODEL2VEC = "model2vec"
    SETFIT = "setfit"
    SETFIT_ONNX = "setfit-onnx"


@dataclass(frozen=True)
class Request:
    """A request to one predictor.

    Attributes:
        bundle: the predictor's folder.
        way: how it is loaded.
        labels: in the order of the model's classes.
        max_length: most tokens per text.
        texts: sent one at a time and timed, going round.
        calls: how many of them.
        call_seconds: when to stop that, were they not all sent.
        batch_seconds: how long batches of them are sent.
        scored: texts that are answered afterwards, untimed.
    """

    bundle: str
    way: str
    labels: Sequence[str]
    max_length: int
    texts: Sequence[str]
    calls: int
    call_seconds: float
    batch_seconds: float
    scored: Sequence[str]


@dataclass(frozen=True)
class Answer:
    """The raw measurements of one predictor.

    Attributes:
        wall_ms: text in, label out, each call.
        cpu_ms: CPU time of the same, all threads.
        encoding_ms: CPU time of turning a text into tokens, each call; none where it cannot be measured.
        per_cpu_s: texts a second of CPU time, in batches of 32.
        ram_mb: the most memory that the process ever held while it answered one text at a time.
        labels: of the scored texts.
    """

    wall_ms: list[float]
    cpu_ms: list[float]
    encoding_ms: list[float]
    per_cpu_s: float
    ram_mb: float
    labels: list[str]


def answer(request: Request) -> Answer:
    """Load, warm up, answer texts one at a time, then in batches."""
    encode: Callable[[str], object] | None = None
    folder = Path(request.bundle)
    if request.way == Way.KDOPS:
        predict, encode = _kdops(folder)
    elif request.way == Way.FASTTEXT:
        predict = _fasttext(folder, request.labels)
    elif request.way == Way.LINEAR:
        predict = _linear(folder)
    elif request.way == Way.PIPELINE:
        predict = _pipeline(folder, request.max_length)
    elif request.way == Way.MODEL2VEC:
        predict = _model2vec(folder)
    elif request.way == Way.SETFIT:
        predict = _setfit(folder)
    elif request.way == Way.SETFIT_ONNX:
        predict = _setfit_onnx(folder, request.max_length)
    else:
        predict = _torch(folder, request.labels, request.max_length, compiled=request.way == Way.COMPILED)
    for index in range(min(_WARM_UP_TEXTS, request.calls)):
        predict([request.texts[index % len(request.texts)]])
    wall_ms, cpu_ms = _timed(lambda text: predict([text]), request)
    labels = [predict([text])[0] for text in request.scored]
    ram_mb = peak_rss_mb()
    encoding_ms = _timed(encode, request)[1] if encode else []
    return Answer(wall_ms, cpu_ms, encoding_ms, _per_cpu_s(predict, request), ram_mb, labels)


def _timed(call: Callable[[str], object], request: Request) -> tuple[list[float], list[float]]:
    wall_ms: list[float] = []
    cpu_ms: list[float] = []
    end = time.perf_counter() + request.call_seconds
    while len(wall_ms) < request.calls and (not wall_ms or time.perf_counter() < end):
        text = request.texts[len(wall_ms) % len(request.texts)]
        wall_ns, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
        call(text)
        cpu_ms.append((time.process_time_ns() - cpu_ns) / 1e6)
        wall_ms.append((time.perf_counter_ns() - wall_ns) / 1e6)
    return wall_ms, cpu_ms


def _per_cpu_s(predict: Predict, request: Request) -> float:
    texts = list(islice(cycle(request.texts), max(_BATCH_SIZE, len(request.texts))))
    batches = [texts[start : start + _BATCH_SIZE] for start in range(0, len(texts), _BATCH_SIZE)]
    predict(batches[0])
    answered, end, cpu_began = 0, time.perf_counter() + request.batch_seconds, time.process_time()
    while not answered or time.perf_counter() < end:
        for batch in batches:
            answered += len(predict(batch))
    return answered / (time.process_time() - cpu_began)


def _kdops(folder: Path) -> tuple[Predict, Callable[[str], object]]:
    from kdops.deploy.predictor import Predictor

    predictor = Predictor.load(folder)

    def predict(texts: Sequence[str]) -> list[str]:
        return [str(getattr(prediction, "label", prediction)) for prediction in predictor.predict(texts)]

    return predict, lambda text: predictor.encode([text])


def _torch(folder: Path, labels: Sequence[str], max_length: int, *, compiled: bool) -> Predict:
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(max_length)
    # The whole module, so that no more is imported than its own class needs; it was written by this benchmark.
    student = torch.load(folder / "student.pt", weights_only=False).eval()
    model = torch.compile(student, dynamic=True) if compiled else student

    def predict(texts: Sequence[str]) -> list[str]:
        encodings = tokenizer.encode_batch(list(texts))
        with torch.inference_mode():
            ids, mask = (torch.tensor([getattr(one, of) for one in encodings]) for of in ("ids", "attention_mask"))
            return [labels[number] for number in model(ids, mask).argmax(-1).tolist()]

    return predict


def _pipeline(folder: Path, max_length: int) -> Predict:
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(folder), device="cpu")

    def predict(texts: Sequence[str]) -> list[str]:
        # A list of one would go by way of a loader of batches, which takes longer.
        asked = list(texts) if len(texts) > 1 else texts[0]
        answers = classify(asked, truncation=True, max_length=max_length, batch_size=len(texts))
        return [str(one["label"]) for one in answers]

    return predict


def _fasttext(folder: Path, labels: Sequence[str]) -> Predict:
    import fasttext

    model = fasttext.load_model(str(folder / "model.bin"))
    # It knows labels by their numbers, for a label may hold a space.
    return lambda texts: [
        labels[int(best.removeprefix("__label__"))] for (best,) in model.predict([plain(text) for text in texts])[0]
    ]


def _linear(folder: Path) -> Predict:
    import joblib

    model = joblib.load(folder / "model.joblib")
    return lambda texts: [str(label) for label in model.predict([plain(text) for text in texts])]


def _model2vec(folder: Path) -> Predict:
    from model2vec.inference import StaticModelPipeline

    model = StaticModelPipeline.from_pretrained(folder)
    return lambda texts: [str(label) for label in model.predict(list(texts))]


def _setfit(folder: Path) -> Predict:
    from setfit import SetFitModel

    model = SetFitModel.from_pretrained(str(folder), device="cpu")
    return lambda texts: [str(label) for label in model.predict(list(texts), show_progress_bar=False)]


def _setfit_onnx(folder: Path, max_length: int) -> Predict:
    import numpy as np
    from onnxruntime import InferenceSession, SessionOptions
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(max_length)
    options = SessionOptions()
    options.intra_op_num_threads = 1
    session = InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    sources = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
    wanted = {one.name: sources[one.name] for one in session.get_inputs()}

    def predict(texts: Sequence[str]) -> list[str]:
        encodings = tokenizer.encode_batch(list(texts))
        feed = {name: np.array([getattr(one, of) for one in encodings]) for name, of in wanted.items()}
        return [str(label) for label in session.run(None, feed)[0]]

    return predict


def plain(text: str) -> str:
    """A text as the models of words read it: one line, lower case."""
    return " ".join(text.lower().split())


if __name__ == "__main__":
    json.dump(asdict(answer(Request(**json.load(sys.stdin)))), sys.stdout)
