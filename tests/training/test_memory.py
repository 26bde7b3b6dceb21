import sys

import pytest

from kdops.measure.probes import rss_mb
from kdops.training.memory import FreedMemory

BLOCK_BYTES = 40_000


def with_holes(size_mb: float) -> list[bytearray]:
    """Every hundredth of so many blocks, too small for mappings of their own; they keep the others' pages resident."""
    blocks = [bytearray(BLOCK_BYTES) for _ in range(int(size_mb * 1e6 / BLOCK_BYTES))]
    return blocks[::100]


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the allocators of other systems keep less")


def steps(freed: FreedMemory, count: int = 1) -> None:
    for _ in range(count):
        freed.after_step()


@pytest.fixture
def freed() -> FreedMemory:
    freed = FreedMemory()
    steps(freed, 8)
    return freed


def test_freed_memory_goes_back_once_the_process_has_grown_by_15_percent(freed: FreedMemory) -> None:
    before_mb = rss_mb()
    much_mb, little_mb = 0.5 * before_mb, 0.05 * before_mb

    kept = with_holes(much_mb)
    assert rss_mb() > before_mb + 0.8 * much_mb
    steps(freed)
    level_mb = rss_mb()
    assert level_mb < before_mb + 0.2 * much_mb

    kept += with_holes(little_mb)
    steps(freed, 9)
    assert rss_mb() > level_mb + 0.3 * little_mb
    assert len(kept) > 10


def test_memory_that_steps_use_again_is_kept() -> None:
    before_mb = rss_mb()
    freed = FreedMemory()
    kept = with_holes(0.5 * before_mb)
    steps(freed, 10)
    assert rss_mb() > 1.4 * before_mb
    assert len(kept) > 10


def test_the_bound_does_not_rise_with_each_time(freed: FreedMemory) -> None:
    before_mb = rss_mb()
    for _ in range(3):
        kept = with_holes(0.5 * before_mb)
        steps(freed)
        assert rss_mb() < 1.15 * before_mb
        kept += with_holes(0.5 * before_mb)
        steps(freed, 8)
        assert rss_mb() > 1.4 * before_mb
        steps(freed)
        assert rss_mb() < 1.15 * before_mb
        steps(freed, 8)
        assert len(kept) > 10
