"""The one training loop: teachers and students alike."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, set_seed
from torch import Tensor, nn
from transformers import get_linear_schedule_with_warmup

from kdops.progress import Bar
from kdops.training import devices
from kdops.training.averaging import AVERAGED_STEPS, average
from kdops.training.batches import Batch, TrainingSet, make_batch, training_order
from kdops.training.losses import NO_LABEL, LossTerms, Objective
from kdops.training.values import Epoch, Fit, LoopConfig
from kdops.workspace import written_whole

logger = logging.getLogger(__name__)

_CHECKPOINT_SECONDS = 60.0


@dataclass
class _Progress:
    """The state of training; with the model, optimizer and schedule it is all that a checkpoint holds."""

    epoch: int = 1
    step: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_score: float = float("-inf")
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def add(self, terms: LossTerms) -> None:
        for name, value in vars(terms).items():
            if value is not None:
                self.sums[name] = self.sums.get(name, torch.zeros((), device=value.device)) + value.detach()

    def ran_out(self, patience: int) -> bool:
        return self.best_score > 0 and self.epoch - 1 - self.best_epoch >= patience

    def close_epoch(self, scores: Mapping[str, float], main_metric: str, model: nn.Module) -> Epoch:
        losses = {name: float(total) / self.step for name, total in self.sums.items()}
        epoch = Epoch(self.epoch, losses, dict(scores), self.seconds)
        self.history.append(asdict(epoch))
        if scores[main_metric] > self.best_score:
            self.best_score, self.best_epoch = scores[main_metric], self.epoch
            self.best_weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
        self.epoch, self.step, self.sums, self.seconds = self.epoch + 1, 0, {}, 0.0
        return epoch


def _weights_by_rate(model: nn.Module, config: LoopConfig, head: Collection[str]) -> list[dict[str, Any]]:
    """The parameter groups of the optimizer: weights that learn at the peak rate, and those of the head."""
    named = list(model.named_parameters())
    rates = [config.learning_rate, config.head_factor * config.learning_rate]
    weights = [[weight for name, weight in named if (name in head) is in_head] for in_head in (False, True)]
    return [{"params": group, "lr": rate} for group, rate in zip(weights, rates, strict=True) if group]


class _Loop:
    def __init__(
        self, model: nn.Module, data: TrainingSet, config: LoopConfig, pad_id: int, head: Collection[str]
    ) -> None:
        self.data, self.config, self.pad_id = data, config, pad_id
        self.longest = int(data.encoded.lengths.max())
        self.steps_an_epoch = -(-len(data) // config.batch_size)
        steps = self.steps_an_epoch * config.epochs
        devices.processes()
        # A batch is split over the processes: the schedule makes one step per batch, however many there are.
        split = DataLoaderConfiguration(split_batches=True)
        self.accelerator = Accelerator(mixed_precision="no", dataloader_config=split)
        # These stay as they are: accelerate's optimizer looks for a package on the disk at each step.
        self.optimizer = torch.optim.AdamW(
            _weights_by_rate(model, config, head), weight_decay=config.weight_decay, fused=True
        )
        self.schedule = get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
            self.optimizer, int(steps * config.warmup_share), steps
        )
        # The prepared model is a wrapper around this one where there are several processes.
        self.plain = model
        self.model = self.accelerator.prepare(model)
        self.products = devices.fast_products(model)
        self.average = average(model, config.averaging) if config.averaging else None
        self.progress = _Progress()

    @property
    def scored(self) -> nn.Module:
        """The weights that count: the average where there is one."""
        return self.average.module if self.average else self.plain

    def train_epoch(self, objective: Objective, bar: Bar, checkpoint: Path | None) -> None:
        """Train from the step that `progress` stands at to the end of its epoch."""
        progress, started = self.progress, time.monotonic()
        before, saved = progress.seconds, started
        self.model.train()
        order = training_order(self.data.encoded.lengths, self.config.batch_size, self.config.seed, progress.epoch)
        for groups in order[progress.step :]:
            self._step(self._batches(groups), objective)
            bar.update()
            progress.seconds = before + time.monotonic() - started
            if checkpoint and time.monotonic() - saved > _CHECKPOINT_SECONDS:
                self.save(checkpoint)
                saved = time.monotonic()
                logger.info("epoch %d: step %d of %d", progress.epoch, progress.step, len(order))

    def _batches(self, groups: Sequence[np.ndarray]) -> list[Batch]:
        """The rows of a step: each group by itself on a CPU, which pays for padding, else all in one batch."""
        if self.accelerator.device.type == "cpu" and self.accelerator.num_processes == 1:
            return [make_batch(self.data, rows, self.pad_id, spare_up_to=self.longest) for rows in groups]
        return [self._share(np.concatenate(groups))]

    def _share(self, rows: np.ndarray) -> Batch:
        """This process's rows of a batch; where there are too few for all, one row without labels."""
        mine = rows[self.accelerator.process_index :: self.accelerator.num_processes]
        batch = make_batch(self.data, mine if len(mine) else rows[:1], self.pad_id)
        return batch if len(mine) else replace(batch, labels=torch.full_like(batch.labels, NO_LABEL))

    def _weighted(self, terms: LossTerms, labels: Tensor) -> LossTerms:
        """The terms so that their mean over the processes is the mean over the labeled units of the whole batch.

        Gradients are averaged over processes, which may hold different numbers of units.
        """
        count = self.accelerator.num_processes
        if count == 1:
            return terms
        labeled = (labels != NO_LABEL).sum()
        weight = count * labeled / self.accelerator.reduce(labeled, reduction="sum").clamp_min(1)
        return replace(terms, **{name: term * weight for name, term in vars(terms).items() if term is not None})

    def share_losses(self) -> None:
        """Share the losses of the whole epoch among all processes."""
        if self.accelerator.num_processes > 1:
            sums = self.progress.sums
            self.progress.sums = {name: self.accelerator.reduce(sums[name], reduction="mean") for name in sums}

    def _step(self, batches: Sequence[Batch], objective: Objective) -> None:
        batches = [batch.to(self.accelerator.device) for batch in batches]
        with self.products:
            logits = [batch.of_units(self.model(batch.input_ids, batch.attention_mask)) for batch in batches]
        labels = torch.cat([batch.labels for batch in batches])
        theirs = [batch.teacher_logits for batch in batches if batch.teacher_logits is not None]
        terms = objective(torch.cat(logits).float(), labels, torch.cat(theirs) if theirs else None)
        terms = self._weighted(terms, labels)
        self.accelerator.backward(terms.loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_gradient_norm)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        self.progress.add(terms)
        self.progress.step += 1
        if self.average and (self.progress.step % AVERAGED_STEPS == 0 or self.progress.step == self.steps_an_epoch):
            self.average.update_parameters(self.plain)

    def save(self, path: Path) -> None:
        state = {
            "model": self.plain.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
            "device_random": torch.cuda.get_rng_state_all(),
            "average": self.average.state_dict() if self.average else None,
            "progress": vars(self.progress),
        }
        with written_whole(path) as unfinished:
            torch.save(state, unfinished)

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True, map_location="cpu")
        self.plain.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if self.average:
            self.average.load_state_dict(state["average"])
        if self.accelerator.is_main_process:
            # The others draw other dropout than the one that wrote this.
            torch.set_rng_state(state["random"])
            torch.cuda.set_rng_state_all(state["device_random"])
        self.progress = _Progress(**state["progress"])
        logger.info("going on from epoch %d, step %d", self.progress.epoch, self.progress.step)


def fit(
    model: nn.Module,
    data: TrainingSet,
    objective: Objective,
    score: Callable[[nn.Module], Mapping[str, float]],
    config: LoopConfig,
    *,
    main_metric: str,
    pad_id: int,
    description: str,
    head: Collection[str] = (),
    on_epoch: Callable[[Epoch], None] | None = None,
    checkpoint: Path | None = None,
    quiet: bool = False,
) -> Fit:
    """Train a model and leave it with the weights of its best epoch.

    The loss of a step is averaged over the units of all its groups (see `training_order`). After each epoch the model
    is scored on validation data; training stops early when `patience` epochs brought nothing better, but not while the
    score is still 0: a tagger may need epochs before it finds its first entity.

    Several processes (see `kdops.training.devices`) that call this alike share each batch, for an objective over gold
    labels. The main one scores and writes the checkpoint, which the others read.

    Args:
        model: maps (input_ids, attention_mask) to logits; trained in place.
        data: training rows.
        objective: gives the loss terms of a batch.
        score: validation scores of the model.
        config: how long and how fast.
        main_metric: the score that decides which epoch is best; higher is better.
        pad_id: padding token.
        description: the text of the progress bar.
        head: names of the weights that are new and learn faster; see `LoopConfig.head_factor`.
        on_epoch: called after each epoch that this call trains; what it raises ends the training.
        checkpoint: file to save to at least once a minute and after each epoch, and to go on from if it exists.
        quiet: whether to leave out the progress.
    """
    set_seed(config.seed + devices.processes().process_index)
    loop = _Loop(model, data, config, pad_id, head)
    if checkpoint and devices.from_main(checkpoint.exists):
        loop.load(checkpoint)
    if not loop.accelerator.is_main_process:
        checkpoint = None
    progress, steps = loop.progress, loop.steps_an_epoch
    done = (progress.epoch - 1) * steps + progress.step
    with Bar(config.epochs * steps, description, "steps", initial=done, quiet=quiet) as bar:
        while progress.epoch <= config.epochs and not progress.ran_out(config.patience):
            loop.train_epoch(objective, bar, checkpoint)
            loop.share_losses()
            scores = devices.from_main(lambda: score(loop.scored))
            epoch = progress.close_epoch(scores, main_metric, loop.scored)
            if checkpoint:
                loop.save(checkpoint)
            bar.set_postfix({main_metric: f"{progress.best_score:.3f}"}, refresh=False)
            if on_epoch:
                on_epoch(epoch)
    if progress.epoch <= config.epochs and not quiet:
        logger.info(
            "%s: stopped after epoch %d of at most %d, the best was epoch %d",
            description,
            progress.epoch - 1,
            config.epochs,
            progress.best_epoch,
        )
    model.load_state_dict(progress.best_weights)
    return Fit(progress.best_score, progress.best_epoch, tuple(Epoch(**epoch) for epoch in progress.history))
