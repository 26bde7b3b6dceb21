"""The process that trains a peer in an environment of its own, from the encoder that the teacher is made of.

`python -m benchmarks.peer_training` reads one JSON request (the fields of `Request`) from standard input and writes one
JSON answer (the fields of `Answer`) to standard output. Settings are the defaults of the peer's own library, except
those that a constant here names.
"""

import contextlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.answering import Way
from benchmarks.environments import MODEL2VEC, SETFIT
from kdops.measure.probes import usage
from kdops.metrics import score
from kdops.task import Task

PAIRS = 1_000
"""Most pairs of texts that SetFit learns from. Its default is every pair of training rows: of 1,000 half a million."""

# Of model2vec; the one that is better on validation texts is taken. Learning rates are not tried: its steps are slow,
# since Adam goes over the embeddings of all tokens in each.
_CLASS_WEIGHTS = (None, "balanced")
_BATCH_SIZE = 16
_OPSET = 17


@dataclass(frozen=True)
class Request:
    """A peer to be trained.

    Attributes:
        bundle: a new folder, where the trained model goes.
        peer: whose model; the name of its environment.
        encoder: folder of a pre-trained encoder.
        train: JSONL with the columns text and label.
        validation: the same, on which settings are chosen.
        labels: in the order of the data set.
        max_length: most tokens per text.
        seed: of everything random.
    """

    bundle: str
    peer: str
    encoder: str
    train: str
    validation: str
    labels: Sequence[str]
    max_length: int
    seed: int


@dataclass(frozen=True)
class Answer:
    """The cost of training.

    Attributes:
        cpu_s: CPU seconds, the search of settings included.
    """

    cpu_s: float


def answer(request: Request) -> Answer:
    """Train and save."""
    with usage() as used:
        {MODEL2VEC.name: _model2vec, SETFIT.name: _setfit}[request.peer](request)
    return Answer(used.cpu_s)


def _model2vec(request: Request) -> None:
    from model2vec.distill import distill
    from model2vec.train import StaticModelForClassification

    static = distill(request.encoder, device="cpu")
    texts, gold = _rows(request.train)
    validation_texts, validation_gold = _rows(request.validation)

    def train(weight: str | None) -> StaticModelForClassification:
        model = StaticModelForClassification.from_static_model(model=static, max_length=request.max_length)
        return model.fit(
            texts,
            gold,
            class_weight=weight,
            X_val=validation_texts,
            y_val=validation_gold,
            device="cpu",
            random_seed=request.seed,
        )

    def f1(model: StaticModelForClassification) -> float:
        predicted = [str(label) for label in model.predict(validation_texts)]
        return score(Task.TEXT, request.labels, validation_gold, predicted)["f1_macro"]

    best = max((train(weight) for weight in _CLASS_WEIGHTS), key=f1)
    best.to_pipeline().save_pretrained(str(Path(request.bundle) / Way.MODEL2VEC))


def _setfit(request: Request) -> None:
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments
    from setfit.exporters.onnx import export_onnx

    model = SetFitModel.from_pretrained(request.encoder, labels=list(request.labels), device="cpu")
    model.model_body.max_seq_length = request.max_length
    texts, gold = _rows(request.train)
    arguments = TrainingArguments(
        output_dir=f"{request.bundle}-checkpoints",
        batch_size=_BATCH_SIZE,
        max_steps=PAIRS // _BATCH_SIZE,
        seed=request.seed,
        save_strategy="no",
        report_to="none",
        show_progress_bar=False,
    )
    Trainer(model=model, args=arguments, train_dataset=Dataset.from_dict({"text": texts, "label": gold})).train()
    folder = Path(request.bundle)
    model.save_pretrained(folder / Way.SETFIT)
    served = folder / Way.SETFIT_ONNX
    served.mkdir()
    export_onnx(model.model_body, model.model_head, opset=_OPSET, output_path=str(served / "model.onnx"))
    shutil.copyfile(folder / Way.SETFIT / "tokenizer.json", served / "tokenizer.json")


def _rows(file: str) -> tuple[list[str], list[str]]:
    rows = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]


if __name__ == "__main__":
    # The libraries print their progress.
    with contextlib.redirect_stdout(sys.stderr):
        done = answer(Request(**json.load(sys.stdin)))
    json.dump(asdict(done), sys.stdout)
