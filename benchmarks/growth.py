"""How time and memory grow with the number of texts, and with the number of trials."""

import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import optuna
from matplotlib.figure import Figure

from benchmarks.contest import Contestant, Figures, Standing, Work
from benchmarks.setting import stored_logits
from kdops.data.encoding import encode
from kdops.data.pool import file_source
from kdops.measure.probes import peak_rss_mb
from kdops.models.build import build_student
from kdops.models.teachers.scratch import scratch_teacher
from kdops.task import Task
from kdops.training.batches import TrainingSet
from kdops.training.loop import fit
from kdops.training.losses import NO_LABEL, DistillationObjective
from kdops.training.search import SearchSpace, open_study, run_trials
from kdops.training.stored_logits import text_keys
from kdops.training.values import LoopConfig

_LABELS = ("a", "b", "c")
_LENGTH = 128
_VOCABULARY_TEXTS = 2_000


def by_texts(source: Path, counts: Sequence[int]) -> list[Contestant]:
    """Signals and one epoch of training for so many unlabeled texts.

    The teacher is an untrained BERT of 2 layers of 128: a large one would hide what grows around it.

    Args:
        source: JSONL with a column `text`.
        counts: how many of them; a file with fewer is read again from its beginning with a mark before each text.
    """
    return [Contestant(f"{count:,} texts", partial(_texts, source, count)) for count in counts]


def _texts(source: Path, count: int) -> Work:
    opened = file_source(source, Task.TEXT)

    def texts() -> Iterator[str]:
        again = (f"{turn} {text}" if turn else str(text) for turn in itertools.count() for text in opened.read())
        return islice(again, count)

    teacher = scratch_teacher(list(islice(texts(), _VOCABULARY_TEXTS)), Task.TEXT, _LABELS)
    student = build_student("bilstm", teacher.tokenizer.get_vocab_size(), len(_LABELS), Task.TEXT)
    store = Path(tempfile.mkdtemp())

    def work() -> Figures:
        started = time.process_time()
        encoded = encode(teacher.tokenizer, texts(), Task.TEXT, _LENGTH)
        keys = text_keys(texts())
        encoded_s = time.process_time() - started
        logits = stored_logits(store, teacher, encoded, keys, len(_LABELS))
        logits_s = time.process_time() - started - encoded_s
        fit(
            student,
            TrainingSet(encoded, np.full(count, NO_LABEL), logits),
            DistillationObjective(),
            lambda model: {"none": 1.0},
            LoopConfig(epochs=1, learning_rate=1e-3),
            main_metric="none",
            pad_id=teacher.pad_id,
            description="epoch",
            quiet=True,
        )
        training_s = time.process_time() - started - encoded_s - logits_s
        parts = {"encoding": encoded_s, "logits": logits_s, "training": training_s}
        tokens = float(encoded.lengths.sum())
        times = {name: 1e6 * seconds / tokens for name, seconds in parts.items()}
        return times | {"count": count, "peak_mb": peak_rss_mb()}

    return work


def by_trials(trials: int) -> list[float]:
    """Seconds around the training of each trial: choosing its setting, writing down its scores. Nothing is trained."""
    folder = Path(tempfile.mkdtemp())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = SearchSpace(learning_rate=1e-3, dropout=0.3, distills=True)
    study = open_study("growth", f"sqlite:///{folder / 'optuna.db'}", space, seed=1, warmup_epochs=3, force=False)
    ended = [time.perf_counter()]

    def objective(trial: optuna.Trial) -> float:
        candidate = space.suggest(trial)
        for epoch in range(1, 11):
            trial.report(candidate.learning_rate * epoch, epoch)
            trial.should_prune()
        ended.append(time.perf_counter())
        return candidate.learning_rate

    run_trials(study, objective, trials)
    return [after - before for before, after in pairwise(ended)]


def picture(standings: Sequence[Standing], trials_s: Sequence[float]) -> Figure:
    """The three curves: time a token, memory, time a trial."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    times, memory, trials = figure.subplots(1, 3)
    counts = [one.figure("count") for one in standings]
    for name, mark in (("encoding", "o"), ("logits", "s"), ("training", "^")):
        times.plot(counts, [one.figure(name) for one in standings], marker=mark, label=name)
    times.set(xlabel="texts", ylabel="CPU time a token, µs", xscale="log", ylim=(0, None), title="Time")
    times.legend()
    memory.plot(counts, [one.figure("peak_mb") for one in standings], marker="o", color="black")
    memory.set(xlabel="texts", ylabel="peak RAM of the process, MB", xscale="log", ylim=(0, None), title="RAM")
    for axes in (times, memory):
        axes.minorticks_off()
        axes.set_xticks(counts, [f"{count:,.0f}" for count in counts])
    trials.plot(range(1, len(trials_s) + 1), trials_s, linewidth=0.8, color="black")
    trials.set(xlabel="trial", ylabel="time around its training, s", ylim=(0, None), title="Trials before this one")
    return figure
