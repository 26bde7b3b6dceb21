"""A tiny tokenizer, tiny models and their bundles."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import BertWordPieceTokenizer, Tokenizer
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn

from kdops.deploy.bundle import write_bundle
from kdops.deploy.predictor import BundleInfo, Predictor
from kdops.task import Task

TEXTS = [
    "Saya suka sekali makan nasi goreng di Jakarta",
    "makanannya tidak enak, pelayanan lambat",
    "Budi Santoso bekerja di Bank Indonesia",
    "biasa saja",
    "tempatnya bagus dan bersih , harga murah !",
    "Presiden Joko Widodo mengunjungi Surabaya kemarin bersama para menteri dan gubernur dari berbagai daerah",
]
TEXT_LABELS = ("positive", "neutral", "negative")
TOKEN_LABELS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")


class TinyStudent(nn.Module):
    """Two LSTMs, one over each row reversed, masked self-attention, linear: small, with the student's traps in it."""

    def __init__(self, pieces: int, classes: int, task: Task) -> None:
        super().__init__()
        self.task = task
        self.embedding = nn.Embedding(pieces, 12)
        self.forwards = nn.LSTM(12, 8, batch_first=True)
        self.backwards = nn.LSTM(12, 8, batch_first=True)
        self.query = nn.Linear(16, 16)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(16, classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        embedded = self.embedding(input_ids)
        positions = torch.arange(input_ids.shape[1], device=input_ids.device).unsqueeze(0)
        lengths = attention_mask.sum(dim=1, keepdim=True)
        order = torch.where(positions < lengths, lengths - 1 - positions, positions).unsqueeze(-1)
        backwards, _ = self.backwards(embedded.gather(1, order.expand(-1, -1, embedded.shape[-1])))
        backwards = backwards.gather(1, order.expand(-1, -1, backwards.shape[-1]))
        states = torch.cat([self.forwards(embedded)[0], backwards], dim=-1)
        scores = self.query(states) @ states.transpose(1, 2) / states.shape[-1] ** 0.5
        scores = scores.masked_fill(attention_mask[:, None] == 0, torch.finfo(scores.dtype).min)
        # Scaled up, so that wrong logits are far from right ones.
        logits: Tensor = self.output(self.dropout(torch.softmax(scores, dim=-1) @ states)) * 10
        return logits[:, 0] if self.task is Task.TEXT else logits


class PaddingLeak(TinyStudent):
    """The same with padding in its attention: its logits depend on a text's neighbours."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return super().forward(input_ids, torch.ones_like(attention_mask))


@pytest.fixture
def redescribe() -> Callable[..., None]:
    """Changes what a bundle says about itself, with the digest of the new content, as who means it would."""

    def change(folder: Path, **changes: object) -> None:
        path = folder / "bundle.json"
        content = {key: value for key, value in json.loads(path.read_text()).items() if key != "digest"} | changes
        canonical = json.dumps(content, sort_keys=True).encode()
        path.write_text(json.dumps(content | {"digest": hashlib.sha256(canonical).hexdigest()}))

    return change


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    trained = BertWordPieceTokenizer(lowercase=True)
    trained.train_from_iterator(TEXTS, vocab_size=200, min_frequency=1, show_progress=False)
    result = Tokenizer.from_str(trained.to_str())
    result.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(piece, result.token_to_id(piece)) for piece in ("[CLS]", "[SEP]")],
    )
    return result


@pytest.fixture(scope="session")
def info(tokenizer: Tokenizer) -> Callable[..., BundleInfo]:
    def make(task: Task, max_length: int = 128) -> BundleInfo:
        return BundleInfo(
            task=task,
            labels=TEXT_LABELS if task is Task.TEXT else TOKEN_LABELS,
            max_length=max_length,
            pad_id=tokenizer.token_to_id("[PAD]"),
            student="bilstm",
            dataset="sample",
            licence="Apache-2.0",
            teacher="scratch",
            recipe="kd",
            precision="fp32",
            main_metric="f1_macro" if task is Task.TEXT else "f1_entity_macro",
            main_metric_value=0.8,
            fingerprint="0123456789abcdef",
        )

    return make


@pytest.fixture(scope="session")
def student(tokenizer: Tokenizer) -> Callable[..., nn.Module]:
    def make(task: Task, *, leaking: bool = False) -> nn.Module:
        torch.manual_seed(0)
        kind = PaddingLeak if leaking else TinyStudent
        return kind(tokenizer.get_vocab_size(), len(TEXT_LABELS if task is Task.TEXT else TOKEN_LABELS), task)

    return make


@pytest.fixture(scope="session")
def bundles(
    tokenizer: Tokenizer,
    info: Callable[..., BundleInfo],
    student: Callable[..., nn.Module],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[Task, Path]:
    """A bundle of each task; not to be changed."""
    folder = tmp_path_factory.mktemp("bundles")
    return {
        task: write_bundle(folder / task, model=student(task), tokenizer=tokenizer, info=info(task))
        for task in (Task.TEXT, Task.TOKEN)
    }


@pytest.fixture(scope="session")
def predictors(bundles: dict[Task, Path]) -> dict[Task, Predictor]:
    return {task: Predictor.load(folder) for task, folder in bundles.items()}


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return TEXTS
