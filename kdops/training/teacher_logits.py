"""The teacher's logits on disk: each text goes through the teacher once, ever.

A store is a folder of Arrow files, one for each teacher and maximum length. Logits are keyed by a hash of their text,
and within it by the number of the word that they are for, never by order or by tokens: trials, students, recipes and
processes share them, and a student may have tokens of its own. Each file is written whole or not at all; a run that was
killed goes on with the texts that are missing. Readers map the files into memory, so RAM does not grow with them.
"""

import hashlib
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import nn
from tqdm import tqdm

from kdops.data.encoding import Encoded, Text
from kdops.training.batches import TrainingSet, by_length, make_batch
from kdops.training.devices import fast_products
from kdops.training.losses import NO_LABEL
from kdops.training.memory import give_freed_memory_back
from kdops.workspace import locked, written_whole

logger = logging.getLogger(__name__)

_SCHEMA = pa.schema(
    [("key", pa.binary(16)), ("words", pa.large_list(pa.int32())), ("logits", pa.large_list(pa.float32()))]
)
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
    """

    teacher: nn.Module
    encoded: Encoded
    pad_id: int


@dataclass(frozen=True)
class StoredLogits:
    """The logits of a list of texts, read from memory-mapped files as they are needed.

    Attributes:
        files: where they are; they are mapped anew in each process that this is sent to.
        shard: which file each row is in, int32 (rows,).
        row_starts: where each row's units begin in that file, int64 (rows,).
        unit_counts: units of each row, int64 (rows,).
        classes: number of classes.
        computed: how many of the texts went through the teacher just now; the others were on disk.
        unit_starts: where the units of each row begin in `positions`, int64 (rows + 1,); None with `positions`.
        positions: for each unit of a student's encoding, which of its row's stored units it is, int32 (units,); -1
            where there is none. None: the student's units are the stored ones.
    """

    files: tuple[Path, ...]
    shard: np.ndarray
    row_starts: np.ndarray
    unit_counts: np.ndarray
    classes: int
    computed: int
    unit_starts: np.ndarray | None = None
    positions: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.shard)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name not in ("shards", "words")}

    @cached_property
    def shards(self) -> tuple[np.ndarray, ...]:
        """The logits of each file, float32 (units, classes)."""
        flat = (_open(path).column("logits").values.to_numpy() for path in self.files)
        return tuple(logits.reshape(-1, self.classes) for logits in flat)

    @cached_property
    def words(self) -> tuple[np.ndarray, ...]:
        """The word that each unit of each file is for, int32 (units,)."""
        return tuple(_open(path).column("words").values.to_numpy() for path in self.files)

    @property
    def missing_units(self) -> int:
        """Units of the student's encoding that the teacher said nothing about."""
        return 0 if self.positions is None else int((self.positions < 0).sum())

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """The logits of the units of some rows, in their order, float32 (units, classes); NaN where there are none."""
        where = zip(self.shard[rows], self.row_starts[rows], self.unit_counts[rows], strict=True)
        parts = [self.shards[shard][start : start + count] for shard, start, count in where]
        if self.positions is None or self.unit_starts is None:
            return np.concatenate(parts)
        wanted = [self.positions[self.unit_starts[row] : self.unit_starts[row + 1]] for row in rows]
        nothing = np.full((1, self.classes), np.nan, dtype=np.float32)
        # Position -1 is the row of NaN at the end.
        return np.concatenate([np.concatenate([part, nothing])[at] for part, at in zip(parts, wanted, strict=True)])

    def for_units(self, encoded: Encoded) -> "StoredLogits":
        """The same logits in the order of the units of another encoding of the same texts.

        Args:
            encoded: the texts in a student's tokens. Its units are found by their words: those that the teacher's
                tokens lack, because the text was cut earlier there, have no logits.
        """
        positions = np.full(len(encoded.unit_words), -1, dtype=np.int32)
        same = len(encoded.unit_words) == self.unit_counts.sum()
        for row in range(len(self)):
            start, end = encoded.unit_starts[row], encoded.unit_starts[row + 1]
            first = self.row_starts[row]
            stored = self.words[self.shard[row]][first : first + self.unit_counts[row]]
            wanted = encoded.unit_words[start:end]
            if np.array_equal(stored, wanted):
                positions[start:end] = np.arange(len(wanted))
                continue
            same = False
            at = np.minimum(np.searchsorted(stored, wanted), max(len(stored) - 1, 0))
            if len(stored):
                positions[start:end] = np.where(stored[at] == wanted, at, -1)
        return self if same else replace(self, unit_starts=encoded.unit_starts, positions=positions)


def text_keys(texts: Iterable[Text]) -> np.ndarray:
    """The key of each text: 16 bytes of BLAKE2b over the text, or over its words; bytes (texts,)."""
    digests = bytearray()
    for text in texts:
        joined = text if isinstance(text, str) else "\x1f".join(text)
        digests += hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.frombuffer(bytes(digests), dtype="S16")


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
        known, _, _ = _index(folder)
        _, first = np.unique(keys, return_index=True)
        missing = np.sort(first[~np.isin(keys[first], known)])
        if len(missing):
            _compute(folder, ask(missing), keys[missing])
    return _read(folder, keys, classes, computed=len(missing))


def _compute(folder: Path, question: Question, keys: np.ndarray) -> None:
    teacher, encoded = question.teacher, question.encoded
    data = TrainingSet(encoded, np.full(len(encoded.unit_positions), NO_LABEL))
    device = next(teacher.parameters()).device
    products, counts = fast_products(teacher), encoded.unit_counts
    teacher.eval()
    done: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    flushed = time.monotonic()
    with tqdm(total=len(keys), desc="teacher logits", unit="text", disable=None) as progress:
        for number, rows in enumerate(by_length(encoded.lengths, device), start=1):
            batch = make_batch(data, rows, question.pad_id).to(device)
            with torch.inference_mode(), products:
                logits = batch.of_units(teacher(batch.input_ids, batch.attention_mask))
            bounds = np.cumsum(counts[rows])[:-1]
            words = [encoded.unit_words[encoded.unit_starts[row] : encoded.unit_starts[row + 1]] for row in rows]
            done.extend(zip(keys[rows], words, np.split(logits.float().cpu().numpy(), bounds), strict=True))
            progress.update(len(rows))
            if len(done) >= _SHARD_TEXTS or time.monotonic() - flushed > _SHARD_SECONDS:
                _write_shard(folder, done)
                done, flushed = [], time.monotonic()
            if number % _TRIM_BATCHES == 0:
                give_freed_memory_back()
    if done:
        _write_shard(folder, done)


def _write_shard(folder: Path, rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
    keys = pa.array([bytes(key).ljust(16, b"\0") for key, _, _ in rows], pa.binary(16))
    words = _ragged([words for _, words, _ in rows], pa.int32())
    logits = _ragged([logits.ravel() for _, _, logits in rows], pa.float32())
    table = pa.table([keys, words, logits], schema=_SCHEMA)
    try:
        with written_whole(folder / f"{uuid.uuid4().hex}.arrow") as unfinished, unfinished.open("wb") as file:
            with pa.ipc.new_file(file, _SCHEMA) as writer:
                writer.write_table(table, max_chunksize=len(rows))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:  # a full disk, say, and the system does not tell which
        raise OSError(f"cannot write to {folder}: {error}") from error


def _ragged(rows: list[np.ndarray], kind: pa.DataType) -> pa.LargeListArray:
    offsets = pa.array(np.concatenate([[0], np.cumsum([row.size for row in rows])]), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, pa.array(np.concatenate(rows), kind))


def _open(path: Path) -> pa.RecordBatch:
    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)


def _index(folder: Path) -> tuple[np.ndarray, np.ndarray, list[Path]]:
    """All keys of the store, the file that each is in, and the files."""
    files = sorted(folder.glob("*.arrow"))
    batches = [_open(path) for path in files]
    keys = [np.frombuffer(batch.column("key").buffers()[1], dtype="S16", count=len(batch)) for batch in batches]
    shard = np.repeat(np.arange(len(batches), dtype=np.int32), [len(part) for part in keys])
    return np.concatenate(keys) if keys else np.empty(0, dtype="S16"), shard, files


def _read(folder: Path, keys: np.ndarray, classes: int, computed: int) -> StoredLogits:
    known, shard, files = _index(folder)
    offsets = [_open(path).column("words").offsets.to_numpy() for path in files]
    starts = np.concatenate([part[:-1] for part in offsets]) if offsets else np.empty(0, dtype=np.int64)
    counts = np.concatenate([np.diff(part) for part in offsets]) if offsets else np.empty(0, dtype=np.int64)
    sizes = [(len(batch.column("words").values), len(batch.column("logits").values)) for batch in map(_open, files)]
    if any(logits != units * classes for units, logits in sizes):
        raise RuntimeError(f"the logits in {folder} are not of {classes} classes; remove that folder to compute anew")
    order = np.argsort(known, kind="stable")
    rows = order[np.searchsorted(known, keys, sorter=order)]
    return StoredLogits(
        files=tuple(files),
        shard=shard[rows],
        row_starts=starts[rows],
        unit_counts=counts[rows],
        classes=classes,
        computed=computed,
    )
