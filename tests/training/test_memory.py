import sys

import pytest

from kdops.measure.probes import rss_mb
from kdops.training.memory import FreedMemory

BLOCK_BYTES = 40_000


def with_holes(size_mb: float) -> list[bytearray]:
    """Every hundredth of so many blocks, too small for mappings of their own; they keep the others' pages resident."""
    blocks = [bytearray(BLOCK_BYTES) for _ in range(int(size_mb * 1e6 / BLOCK_BYTES))]
    return blocks[::100]


@pytest.mark.skipif(sys.platform != "linux", reason="the allocators of other systems keep less")
def test_freed_memory_goes_back_once_the_process_has_grown_by_a_fifth() -> None:
    freed = FreedMemory()
    freed.give_back()
    before_mb = rss_mb()
    much_mb, little_mb = 0.5 * before_mb, 0.05 * before_mb

    kept = with_holes(much_mb)
    assert rss_mb() > before_mb + 0.8 * much_mb
    freed.give_back()
    level_mb = rss_mb()
    assert level_mb < before_mb + 0.2 * much_mb

    kept += with_holes(little_mb)
    freed.give_back()
    assert rss_mb() > level_mb + 0.3 * little_mb
    assert len(kept) > 10
