"""The teacher's logits on disk: each text goes through the teacher once, ever.

A store is a folder of Arrow files, one for each teacher and maximum length. Rows are found by a hash of their text,
never by their order, so trials, students, recipes and processes share it. Each file is written whole or not at all; a
run that was killed goes on with the texts that are missing. Readers map the files into memory, so RAM does not grow
with them.
"""

import hashlib
import logging
import os
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from filelock import FileLock
from torch import nn
from tqdm import tqdm

from kdops.data.encoding import Encoded, Text
from kdops.training.batches import TrainingSet, by_length, make_batch
from kdops.training.devices import fast_products
from kdops.training.losses import NO_LABEL
from kdops.training.memory import give_freed_memory_back

logger = logging.getLogger(__name__)

_SCHEMA = pa.schema([("key", pa.binary(16)), ("logits", pa.large_list(pa.float32()))])
_SHARD_TEXTS = 8_192
_SHARD_SECONDS = 20.0
_TRIM_BATCHES = 16


@dataclass(frozen=True)
class Signals:
    """The logits of a list of texts, read from memory-mapped files as they are needed.

    Attributes:
        files: where they are; they are mapped anew in each process that this is sent to.
        shard: which file each row is in, int32 (rows,).
        starts: where each row's logits begin in that file, int64 (rows,).
        counts: numbers a row: units * classes, int64 (rows,).
        classes: number of classes.
        computed: how many of the texts went through the teacher just now; the others were on disk.
    """

    files: tuple[Path, ...]
    shard: np.ndarray
    starts: np.ndarray
    counts: np.ndarray
    classes: int
    computed: int

    def __len__(self) -> int:
        return len(self.shard)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "shards"}

    @cached_property
    def shards(self) -> tuple[np.ndarray, ...]:
        """The flat logits of each file, float32."""
        return tuple(_open(path).column("logits").values.to_numpy() for path in self.files)

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """The logits of the units of some rows, in their order, float32 (units, classes)."""
        where = zip(self.shard[rows], self.starts[rows], self.counts[rows], strict=True)
        flat = np.concatenate([self.shards[shard][start : start + count] for shard, start, count in where])
        return flat.reshape(-1, self.classes)


def text_keys(texts: Iterable[Text]) -> np.ndarray:
    """The key of each text: 16 bytes of BLAKE2b over the text, or over its words; bytes (texts,)."""
    digests = bytearray()
    for text in texts:
        joined = text if isinstance(text, str) else "\x1f".join(text)
        digests += hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.frombuffer(bytes(digests), dtype="S16")


def teacher_signals(
    folder: Path, teacher: nn.Module, encoded: Encoded, keys: np.ndarray, *, classes: int, pad_id: int
) -> Signals:
    """The teacher's logits for the given texts, computing those that the store lacks.

    Where the teacher multiplies in bfloat16 (see `fast_products`), they are rounded accordingly.

    Args:
        folder: the store; its name must stand for the teacher's weights and the maximum length.
        teacher: maps (input_ids, attention_mask) to logits; it is put into evaluation mode.
        encoded: the texts in the teacher's tokens.
        keys: their keys, from `text_keys`.
        classes: number of classes of the teacher.
        pad_id: the teacher's padding token.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        known, _, _ = _index(folder)
        _, first = np.unique(keys, return_index=True)
        missing = first[~np.isin(keys[first], known)]
        _compute(folder, teacher, encoded, keys, missing, pad_id)
    signals = _read(folder, keys, classes, computed=len(missing))
    if not np.array_equal(signals.counts, encoded.unit_counts * classes):
        raise RuntimeError(f"the signals in {folder} do not fit these texts; remove that folder to compute them again")
    return signals


def _compute(
    folder: Path, teacher: nn.Module, encoded: Encoded, keys: np.ndarray, missing: np.ndarray, pad_id: int
) -> None:
    data = TrainingSet(encoded, np.full(len(encoded.unit_positions), NO_LABEL))
    device = next(teacher.parameters()).device
    products, counts = fast_products(teacher), encoded.unit_counts
    teacher.eval()
    done: list[tuple[np.ndarray, np.ndarray]] = []
    flushed = time.monotonic()
    with tqdm(total=len(missing), desc="teacher signals", unit="text", disable=None) as progress:
        for number, chosen in enumerate(by_length(encoded.lengths[missing], device), start=1):
            rows = missing[chosen]
            batch = make_batch(data, rows, pad_id).to(device)
            with torch.inference_mode(), products:
                logits = batch.of_units(teacher(batch.input_ids, batch.attention_mask))
            bounds = np.cumsum(counts[rows])[:-1]
            done.extend(zip(keys[rows], np.split(logits.float().cpu().numpy(), bounds), strict=True))
            progress.update(len(rows))
            if len(done) >= _SHARD_TEXTS or time.monotonic() - flushed > _SHARD_SECONDS:
                _write_shard(folder, done)
                done, flushed = [], time.monotonic()
            if number % _TRIM_BATCHES == 0:
                give_freed_memory_back()
    if done:
        _write_shard(folder, done)


def _write_shard(folder: Path, rows: list[tuple[np.ndarray, np.ndarray]]) -> None:
    lengths = [logits.size for _, logits in rows]
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64())
    values = pa.array(np.concatenate([logits.ravel() for _, logits in rows]), pa.float32())
    keys = pa.array([bytes(key).ljust(16, b"\0") for key, _ in rows], pa.binary(16))
    table = pa.table([keys, pa.LargeListArray.from_arrays(offsets, values)], schema=_SCHEMA)
    unfinished = folder / f".{uuid.uuid4().hex}.part"
    try:
        with unfinished.open("wb") as file:
            with pa.ipc.new_file(file, _SCHEMA) as writer:
                writer.write_table(table, max_chunksize=len(rows))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(folder / f"{uuid.uuid4().hex}.arrow")
    except OSError as error:  # a full disk, say, and the system does not tell which
        raise OSError(f"cannot write to {folder}: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _open(path: Path) -> pa.RecordBatch:
    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)


def _index(folder: Path) -> tuple[np.ndarray, np.ndarray, list[Path]]:
    """All keys of the store, the file that each is in, and the files."""
    files = sorted(folder.glob("*.arrow"))
    batches = [_open(path) for path in files]
    keys = [np.frombuffer(batch.column("key").buffers()[1], dtype="S16", count=len(batch)) for batch in batches]
    shard = np.repeat(np.arange(len(batches), dtype=np.int32), [len(part) for part in keys])
    return np.concatenate(keys) if keys else np.empty(0, dtype="S16"), shard, files


def _read(folder: Path, keys: np.ndarray, classes: int, computed: int) -> Signals:
    known, shard, files = _index(folder)
    offsets = [_open(path).column("logits").offsets.to_numpy() for path in files]
    starts = np.concatenate([part[:-1] for part in offsets]) if offsets else np.empty(0, dtype=np.int64)
    counts = np.concatenate([np.diff(part) for part in offsets]) if offsets else np.empty(0, dtype=np.int64)
    order = np.argsort(known, kind="stable")
    rows = order[np.searchsorted(known, keys, sorter=order)]
    return Signals(
        files=tuple(files),
        shard=shard[rows],
        starts=starts[rows],
        counts=counts[rows],
        classes=classes,
        computed=computed,
    )
