"""Ragged rows of numbers on disk, found by a key: the form in which outputs of large models are kept.

A store is a folder of Arrow files. Each file is written whole or not at all, so a process that is killed loses at most
the rows that it had not written yet. Readers map the files into memory, so RAM does not grow with them.
"""

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from kdops.workspace import written_whole

KEY_BYTES = 16


@dataclass(frozen=True)
class RaggedRows:
    """Rows of different lengths, read from memory-mapped files as they are needed.

    Attributes:
        files: where they are; they are mapped anew in each process that this is sent to.
        shard: which file each row is in, int32 (rows,).
        starts: where each row begins in that file's flat numbers, int64 (rows,).
        counts: numbers per row, int64 (rows,).
    """

    files: tuple[Path, ...]
    shard: np.ndarray
    starts: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.shard)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "flat"}

    @cached_property
    def flat(self) -> tuple[np.ndarray, ...]:
        """All numbers of each file."""
        return tuple(_open(path).column("values").values.to_numpy() for path in self.files)

    def row(self, index: int) -> np.ndarray:
        """The numbers of one row, without a copy."""
        start = self.starts[index]
        values: np.ndarray = self.flat[self.shard[index]][start : start + self.counts[index]]
        return values


def write_shard(folder: Path, keys: np.ndarray, rows: Sequence[np.ndarray]) -> None:
    """Add a file with some rows to a store.

    Args:
        folder: the store.
        keys: one per row, bytes (rows,) of 16 bytes each.
        rows: flat arrays of one floating type.

    Raises:
        OSError: naming the folder, if it cannot be written, for a full disk, say.
    """
    values = np.concatenate([row.ravel() for row in rows])
    offsets = pa.array(np.concatenate([[0], np.cumsum([row.size for row in rows])]), pa.int64())
    names = pa.array([bytes(key).ljust(KEY_BYTES, b"\0") for key in keys], pa.binary(KEY_BYTES))
    table = pa.table({"key": names, "values": pa.LargeListArray.from_arrays(offsets, pa.array(values))})
    try:
        with written_whole(folder / f"{uuid.uuid4().hex}.arrow") as unfinished, unfinished.open("wb") as file:
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table, max_chunksize=len(rows))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(f"cannot write to {folder}: {error}") from error


def stored_keys(folder: Path) -> np.ndarray:
    """The keys of all rows of a store, sorted, bytes (rows,)."""
    return np.sort(_index(folder)[0])


def find_rows(folder: Path, keys: np.ndarray, *, may_lack: bool = False) -> RaggedRows:
    """The rows of the given keys, in their order.

    Args:
        folder: the store, which holds at least one row if it may lack others.
        keys: of the rows, bytes (rows,).
        may_lack: whether a row that the store lacks is one without numbers.

    Raises:
        KeyError: if the store lacks one of them, and may not.
    """
    known, shard, files = _index(folder)
    offsets = [_open(path).column("values").offsets.to_numpy() for path in files]
    starts = np.concatenate([part[:-1] for part in offsets]) if offsets else np.empty(0, dtype=np.int64)
    counts = np.concatenate([np.diff(part) for part in offsets]) if offsets else np.empty(0, dtype=np.int64)
    order = np.argsort(known, kind="stable")
    places = np.searchsorted(known, keys, sorter=order)
    rows = order[np.minimum(places, len(order) - 1)] if len(order) else np.empty(0, dtype=np.int64)
    lacking = known[rows] != keys if len(rows) else np.ones(len(keys), dtype=bool)
    if lacking.any() and not may_lack:
        raise KeyError(f"{folder} lacks {int(lacking.sum())} of {len(keys)} rows")
    return RaggedRows(tuple(files), shard[rows], starts[rows], np.where(lacking, 0, counts[rows]))


def _open(path: Path) -> pa.RecordBatch:
    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)


def _index(folder: Path) -> tuple[np.ndarray, np.ndarray, list[Path]]:
    """All keys of the store, the file that each is in, and the files."""
    files = sorted(folder.glob("*.arrow"))
    batches = [_open(path) for path in files]
    keys = [np.frombuffer(batch.column("key").buffers()[1], f"S{KEY_BYTES}", count=len(batch)) for batch in batches]
    shard = np.repeat(np.arange(len(batches), dtype=np.int32), [len(part) for part in keys])
    return np.concatenate(keys) if keys else np.empty(0, dtype=f"S{KEY_BYTES}"), shard, files
