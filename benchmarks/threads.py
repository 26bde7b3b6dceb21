"""Training with several threads, by how they wait for each other, with and without other work on the machine.

As a program, `python -m benchmarks.threads MODEL SECONDS`, it trains and prints the steps per second.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.tables import table
from kdops.machine import cores
from kdops.threads import use_threads, variables

if TYPE_CHECKING:
    import torch
    from torch import nn

MODELS = ("bert-tiny", "bilstm")
_SECONDS = 5.0
_PATIENCE_S = 60.0
_BUSY = "while True: pass"
_BATCH, _LENGTH, _VOCABULARY, _CLASSES = 32, 32, 8_000, 2
_SIZES = {"bert-tiny": (128, 2), "bert-small": (512, 4)}


def ways(count: int) -> dict[str, tuple[Mapping[str, str], int]]:
    """How training may use so many cores: the environment of each process, and how many of them."""
    spinning = {name: value for name, value in variables(count).items() if name.endswith("_THREADS")}
    return {
        "one thread": (variables(1), 1),
        f"{count} threads that sleep, as kdops has it": (variables(count), 1),
        f"{count} threads that spin, PyTorch's default": (spinning, 1),
        f"{count} processes of one thread, together": (variables(1), count),
    }


def compare(rounds: int) -> str:
    """Steps per second in each of the ways, alone and beside one busy process per core."""
    count, rows = cores(), []
    for model in MODELS:
        for others in (0, count):
            found: dict[str, list[float]] = {way: [] for way in ways(count)}
            for _ in range(rounds):
                for way, (environment, processes) in ways(count).items():
                    with busy(others):
                        found[way].append(_steps_per_s(model, environment, processes))
            rows += [
                _row(model, others, way, median(speeds), median(found["one thread"])) for way, speeds in found.items()
            ]
    return table(rows)


def _row(model: str, busy: int, way: str, speed: float, of_one_thread: float) -> dict[str, str]:
    shown = f"{speed:.2f}" if speed else f"no step in {_PATIENCE_S:.0f} s"
    times = f"{speed / of_one_thread:.2f}" if of_one_thread else ""
    return {
        "model": model,
        "busy processes": str(busy),
        "way": way,
        "steps per second": shown,
        "times one thread": times,
    }


def _steps_per_s(model: str, environment: Mapping[str, str], processes: int) -> float:
    kept = {name: value for name, value in os.environ.items() if name not in variables(1)}
    command = [sys.executable, "-m", "benchmarks.threads", model, str(_SECONDS)]
    started = [
        subprocess.Popen(command, env=kept | dict(environment), stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    try:
        return sum(float(one.communicate(timeout=_PATIENCE_S)[0]) for one in started)
    except subprocess.TimeoutExpired:
        return 0.0
    finally:
        for one in started:
            one.kill()
            one.communicate()


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Around work that has so many other processes beside it, each of which keeps a core busy."""
    others = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for one in others:
            one.kill()
            one.wait()


def train(name: str, seconds: float) -> float:
    """Steps per second of training one batch again and again, the first two steps aside."""
    import torch
    from torch import nn

    torch.manual_seed(1)
    ids = torch.randint(_VOCABULARY, (_BATCH, _LENGTH))
    labels = torch.randint(_CLASSES, (_BATCH,))
    model = _bert(*_SIZES[name]) if name in _SIZES else _bilstm()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(model(ids), labels))
        optimizer.step()

    step()
    step()
    started, steps = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        step()
        steps += 1
    return steps / passed


def _bert(width: int, layers: int) -> "nn.Module":
    from torch import nn
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=_VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
    )

    class Bert(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = BertForSequenceClassification(config)

        def forward(self, ids: "torch.Tensor") -> "torch.Tensor":
            logits: torch.Tensor = self.bert(ids).logits
            return logits

    return Bert()


def _bilstm() -> "nn.Module":
    from torch import nn

    class BiLstm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(_VOCABULARY, 192)
            self.layer = nn.LSTM(192, 96, batch_first=True, bidirectional=True)
            self.last = nn.Linear(192, _CLASSES)

        def forward(self, ids: "torch.Tensor") -> "torch.Tensor":
            logits: torch.Tensor = self.last(self.layer(self.embedding(ids))[0].mean(dim=1))
            return logits

    return BiLstm()


if __name__ == "__main__":
    if "OMP_NUM_THREADS" not in os.environ:
        use_threads()
    print(train(sys.argv[1], float(sys.argv[2])))
