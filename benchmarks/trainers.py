"""The common parts of benchmarks with a `Trainer` of transformers: quiet arguments, and a score after each epoch."""

import tempfile
from collections.abc import Callable
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainingArguments

from kdops.training.values import LoopConfig


class BestScore(TrainerCallback):
    """The best validation score so far; `look` takes one more, and a `Trainer` does so after each epoch."""

    def __init__(self, score: Callable[[nn.Module], float]) -> None:
        self._score, self.best = score, 0.0

    def look(self, model: nn.Module) -> None:
        """Score a model, and leave it in the mode that it was in."""
        was_training = model.training
        self.best = max(self.best, self._score(model))
        model.train(was_training)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """As `Trainer` calls it."""
        self.look(kwargs["model"])


def arguments(loop: LoopConfig, *, bfloat16: bool = False) -> TrainingArguments:
    """The same training as kdops' own loop, on the CPU, with nothing written or shown."""
    return TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        num_train_epochs=loop.epochs,
        per_device_train_batch_size=loop.batch_size,
        learning_rate=loop.learning_rate,
        weight_decay=loop.weight_decay,
        warmup_steps=loop.warmup_share,
        max_grad_norm=loop.max_gradient_norm,
        seed=loop.seed,
        bf16=bfloat16,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        remove_unused_columns=False,
        disable_tqdm=True,
    )
