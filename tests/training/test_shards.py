from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kdops.training.shards import find_rows, stored_keys, write_shard
from kdops.training.stored_logits import text_keys

KEYS = text_keys(["a", "b", "c", "d"])


def row(length: int, kind: type = np.float32) -> np.ndarray:
    return np.arange(length, dtype=kind) + length


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_rows_of_any_length_come_back_by_key_from_any_file(tmp_path: Path, kind: type) -> None:
    write_shard(tmp_path, KEYS[:2], [row(3, kind), row(0, kind)])
    write_shard(tmp_path, KEYS[2:], [row(1, kind), row(1_000, kind)[:5]])
    found = find_rows(tmp_path, KEYS[[3, 0, 1, 3]])
    assert found.counts.tolist() == [5, 3, 0, 5]
    assert found.row(1).dtype == kind
    assert_array_equal(found.row(1), row(3, kind))
    assert_array_equal(found.row(3), row(1_000, kind)[:5])
    assert_array_equal(stored_keys(tmp_path), np.sort(KEYS))


def test_keys_may_end_in_zeros(tmp_path: Path) -> None:
    keys = np.array([b"x" * 15 + b"\0", b"y" + b"\0" * 15], dtype="S16")
    write_shard(tmp_path, keys, [row(2), row(3)])
    assert find_rows(tmp_path, keys).counts.tolist() == [2, 3]


def test_rows_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="lacks 4 of 4 rows"):
        find_rows(tmp_path, KEYS)
    write_shard(tmp_path, KEYS[:3], [row(1)] * 3)
    with pytest.raises(KeyError, match="lacks 1 of 4 rows"):
        find_rows(tmp_path, KEYS)
    assert len(find_rows(tmp_path, KEYS[:0])) == 0


def test_a_file_that_was_not_finished_is_no_part_of_the_store(tmp_path: Path) -> None:
    write_shard(tmp_path, KEYS[:1], [row(1)])
    (tmp_path / ".0123.part").write_bytes(b"half a file")
    assert len(stored_keys(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone").touch()
    with pytest.raises(OSError, match=f"cannot write to {tmp_path}/gone"):
        write_shard(tmp_path / "gone", KEYS[:1], [row(1)])
