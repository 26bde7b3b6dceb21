"""The teacher's logits on disk: each text goes through the teacher once, ever.

A store is a folder of Arrow files, one for each teacher and maximum length. Logits are keyed by a hash of their text,
and within it by the number of the word that they are for, never by order or by tokens: trials, students, recipes and
processes share them, and a student may have tokens of its own. Each file is written whole or not at all; a run that was
killed goes on with the texts that are missing. Readers map the files into memory, so RAM does not grow with them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from kdops.data.encoding import Encoded
from kdops.progress import Bar
from kdops.training.batches import TrainingSet, by_length, make_batch
from kdops.training.devices import fast_products
from kdops.training.losses import NO_LABEL
from kdops.training.memory import give_freed_memory_back
from kdops.training.shards import KEY_BYTES, find_rows, stored_keys, write_shard
from kdops.training.stored_logits import StoredLogits, centred
from kdops.workspace import locked

_SHARD_TEXTS = 8_192
_SHARD_SECONDS = 20.0
_TRIM_BATCHES = 16


@dataclass(frozen=True)
class Question:
    """Texts that a teacher has not seen yet.

    Attributes:
        teacher: maps (input_ids, attention_mask) to logits.
        encoded: the texts in the teacher's tokens.
        pad_id: the teacher's padding token.
        one_softmax: whether the classes of a unit exclude each other; their logits are stored `centred` then.
    """

    teacher: nn.Module
    encoded: Encoded
    pad_id: int
    one_softmax: bool = False


def teacher_logits(folder: Path, keys: np.ndarray, classes: int, ask: Callable[[np.ndarray], Question]) -> StoredLogits:
    """The teacher's logits for the given texts; those that the store lacks are computed.

    Where the teacher multiplies in bfloat16 (see `fast_products`), they are rounded accordingly.

    Args:
        folder: the store; its name must stand for the teacher's weights and the maximum length.
        keys: of the texts, from `text_keys`.
        classes: number of classes of the teacher.
        ask: gives the teacher and the texts of some rows, int64 (texts,), in the teacher's tokens; not called if all
            is known.

    Raises:
        RuntimeError: if the store is of a teacher with another number of classes.
    """
    with locked(folder):
        folder.mkdir(exist_ok=True)
        _, first = np.unique(keys, return_index=True)
        missing = np.sort(first[~np.isin(keys[first], stored_keys(folder))])
        if len(missing):
            _compute(folder, ask(missing), keys[missing])
    rows = find_rows(folder, keys)
    if (rows.counts % (1 + classes)).any():
        raise RuntimeError(f"the logits in {folder} are not of {classes} classes; remove that folder to compute anew")
    return StoredLogits(rows, classes, computed=len(missing))


def _compute(folder: Path, question: Question, keys: np.ndarray) -> None:
    teacher, encoded = question.teacher, question.encoded
    data = TrainingSet(encoded, np.full(len(encoded.unit_positions), NO_LABEL))
    device = next(teacher.parameters()).device
    products, counts = fast_products(teacher), encoded.unit_counts
    teacher.eval()
    done: list[tuple[np.ndarray, np.ndarray]] = []
    flushed = time.monotonic()
    with Bar(len(keys), "teacher logits", "texts") as progress:
        for number, rows in enumerate(by_length(encoded.lengths, device), start=1):
            batch = make_batch(data, rows, question.pad_id).to(device)
            with torch.inference_mode(), products:
                logits = batch.of_units(teacher(batch.input_ids, batch.attention_mask)).float().cpu().numpy()
            logits = centred(logits) if question.one_softmax else logits
            words = [encoded.unit_words[encoded.unit_starts[row] : encoded.unit_starts[row + 1]] for row in rows]
            stored = np.column_stack([np.concatenate(words).astype(np.float32), logits])
            done.extend(zip(keys[rows], np.split(stored, np.cumsum(counts[rows])[:-1]), strict=True))
            progress.update(len(rows))
            if len(done) >= _SHARD_TEXTS or time.monotonic() - flushed > _SHARD_SECONDS:
                _write(folder, done)
                done, flushed = [], time.monotonic()
            if number % _TRIM_BATCHES == 0:
                give_freed_memory_back()
    if done:
        _write(folder, done)


def _write(folder: Path, rows: list[tuple[np.ndarray, np.ndarray]]) -> None:
    write_shard(folder, np.array([key for key, _ in rows], dtype=f"S{KEY_BYTES}"), [stored for _, stored in rows])
