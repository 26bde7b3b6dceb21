import os
import resource
import subprocess
import sys

import pytest

from kdops.measure.probes import rss_mb
from kdops.training.memory import KEEPS_FREED_MEMORY, give_freed_memory_back

BLOCK_BYTES = 40_000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have other allocators")


def with_holes(size_mb: float) -> list[bytearray]:
    """Every hundredth of so many blocks, too small for mappings of their own; they keep the others' pages resident."""
    blocks = [bytearray(BLOCK_BYTES) for _ in range(int(size_mb * 1e6 / BLOCK_BYTES))]
    return blocks[::100]


def test_freed_memory_between_what_is_in_use_goes_back() -> None:
    give_freed_memory_back()
    before_mb = rss_mb()
    kept = with_holes(200)
    assert rss_mb() > before_mb + 150

    give_freed_memory_back()

    assert rss_mb() < before_mb + 50
    assert len(kept) == 50


def pages_of_twenty_steps(first: str = "", **settings: str) -> int:
    """Pages that the system hands out in twenty steps, each of which fills and frees 20 MB four times over."""
    steps = f"""
import resource
from kdops.training.memory import keep_freed_memory
{first}
def step():
    buffers = [bytearray(b"1") * 20_000_000 for _ in range(4)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", steps], check=True, capture_output=True, env={**os.environ, **settings}
    )
    return int(done.stdout)


def test_what_steps_free_is_used_again() -> None:
    pages_of_a_step = 4 * 20_000_000 / resource.getpagesize()

    assert pages_of_twenty_steps() > 10 * pages_of_a_step
    assert pages_of_twenty_steps("keep_freed_memory()") < pages_of_a_step
    assert pages_of_twenty_steps(**KEEPS_FREED_MEMORY) < pages_of_a_step
