"""The clean process of one predictor: it loads it as a service would, and answers one text at a time.

`python -m benchmarks.answering` reads one JSON request (the fields of `Request`) from standard input and writes one
JSON answer (the fields of `Answer`) to standard output. Each way to predict imports its own libraries and no others,
so that the memory it reads is the memory that serving takes.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from kdops.measure.probes import peak_rss_mb

_WARM_UP_TEXTS = 32

Predict = Callable[[str], str]


class Way(StrEnum):
    """How a predictor is loaded from its folder."""

    KDOPS = "kdops"
    EAGER = "eager"
    COMPILED = "compiled"
    PIPELINE = "pipeline"
    FASTTEXT = "fasttext"
    LINEAR = "linear"


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
        scored: texts that are answered afterwards, untimed.
    """

    bundle: str
    way: str
    labels: Sequence[str]
    max_length: int
    texts: Sequence[str]
    calls: int
    call_seconds: float
    scored: Sequence[str]


@dataclass(frozen=True)
class Answer:
    """The raw measurements of one predictor.

    Attributes:
        wall_ms: text in, label out, each call.
        cpu_ms: CPU time of the same, all threads.
        encoding_ms: CPU time of turning a text into tokens, each call; None where it cannot be measured.
        ram_mb: the most memory that the process ever held.
        labels: of the scored texts.
    """

    wall_ms: list[float]
    cpu_ms: list[float]
    encoding_ms: list[float]
    ram_mb: float
    labels: list[str]


def answer(request: Request) -> Answer:
    """Load, warm up, answer texts one at a time."""
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
    else:
        predict = _torch(folder, request.labels, request.max_length, compiled=request.way == Way.COMPILED)
    for index in range(min(_WARM_UP_TEXTS, request.calls)):
        predict(request.texts[index % len(request.texts)])
    wall_ms, cpu_ms = _timed(predict, request)
    labels = [predict(text) for text in request.scored]
    ram_mb = peak_rss_mb()
    return Answer(wall_ms, cpu_ms, _timed(encode, request)[1] if encode else [], ram_mb, labels)


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


def _kdops(folder: Path) -> tuple[Predict, Callable[[str], object]]:
    from kdops.deploy.predictor import Predictor

    predictor = Predictor.load(folder)

    def predict(text: str) -> str:
        prediction = predictor.predict([text])[0]
        return str(getattr(prediction, "label", prediction))

    return predict, lambda text: predictor.encode([text])


def _torch(folder: Path, labels: Sequence[str], max_length: int, *, compiled: bool) -> Predict:
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    # The whole module, so that no more is imported than its own class needs; it was written by this benchmark.
    student = torch.load(folder / "student.pt", weights_only=False).eval()
    model = torch.compile(student, dynamic=True) if compiled else student

    def predict(text: str) -> str:
        with torch.inference_mode():
            ids = torch.tensor([tokenizer.encode(text).ids])
            return labels[int(model(ids, torch.ones_like(ids)).argmax())]

    return predict


def _pipeline(folder: Path, max_length: int) -> Predict:
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(folder), device="cpu")
    return lambda text: str(classify(text, truncation=True, max_length=max_length)[0]["label"])


def _fasttext(folder: Path, labels: Sequence[str]) -> Predict:
    import fasttext

    model = fasttext.load_model(str(folder / "model.bin"))
    # It knows labels by their numbers, for a label may hold a space.
    return lambda text: labels[int(model.predict(plain(text))[0][0].removeprefix("__label__"))]


def _linear(folder: Path) -> Predict:
    import joblib

    model = joblib.load(folder / "model.joblib")
    return lambda text: str(model.predict([plain(text)])[0])


def plain(text: str) -> str:
    """A text as the models of words read it: one line, lower case."""
    return " ".join(text.lower().split())


if __name__ == "__main__":
    json.dump(asdict(answer(Request(**json.load(sys.stdin)))), sys.stdout)
