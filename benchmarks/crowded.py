"""The demo's command where it does not have the machine to itself: beside busy processes, and on one core."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median

from benchmarks.startup import distill_s
from benchmarks.tables import table
from benchmarks.threads import busy

_DEMO = {"student": "bilstm"}
_SHORT = _DEMO | {"trials": 2, "epochs": 2, "teacher_epochs": 1}
_BUSY_PROCESSES = 2
_ONE_CORE = ("taskset", "-c", "0")
_IDLE = "idle, but for what else the machine did"

Place = tuple[Callable[[], AbstractContextManager[object]], Sequence[str]]


def places() -> dict[str, Place]:
    """Where the command is run: what goes on beside it, and what stands before it."""
    found: dict[str, Place] = {
        _IDLE: (contextlib.nullcontext, ()),
        f"beside {_BUSY_PROCESSES} busy processes": (lambda: busy(_BUSY_PROCESSES), ()),
    }
    if shutil.which(_ONE_CORE[0]):
        found["on one core: `taskset -c 0`"] = (contextlib.nullcontext, _ONE_CORE)
    return found


def compare(rounds: int, *, whole: bool) -> str:
    """Seconds of the demo's command in each place, and how many times as long as idle that is.

    Args:
        rounds: turns of each place.
        whole: with the demo's own budget; else two short trials, in which starting up weighs more.
    """
    seconds: dict[str, list[float]] = {name: [] for name in places()}
    for _ in range(rounds):
        for name, (beside, before) in places().items():
            with beside():
                seconds[name].append(_run_s(_DEMO if whole else _SHORT, before))
    idle = median(seconds[_IDLE])
    return table(
        [
            {"where": name, "seconds": f"{median(each):.0f}", "times idle": f"{median(each) / idle:.2f}"}
            for name, each in seconds.items()
        ]
    )


def _run_s(parameters: Mapping[str, str | int], before: Sequence[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return distill_s(Path(folder), parameters, before=before, threads=None)
