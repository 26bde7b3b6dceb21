"""The energy that this machine's processors use, where Linux tells it: powercap, of Intel's and AMD's processors."""

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

POWERCAP = Path("/sys/class/powercap")
_EVERY_S = 30.0
"""The counters begin anew after minutes at full load, so they are read this often."""


class Meter:
    """Adds up, around a block, the energy of all processors; of everything that runs on the machine.

    Args:
        root: where the counters are.
        every_s: seconds between two readings.
    """

    def __init__(self, root: Path = POWERCAP, every_s: float = _EVERY_S) -> None:
        # `intel-rapl:0` is a processor, `intel-rapl:0:0` a part of it.
        self._processors = [one for one in sorted(root.glob("*-rapl:*")) if one.name.count(":") == 1]
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read_on, daemon=True, name="energy")
        self._last: Mapping[Path, int] = {}
        self._used_uj = 0

    @property
    def joules(self) -> float | None:
        """The energy used so far, in joules; None where it cannot be read, or not by this user."""
        return self._used_uj / 1e6 if self._last else None

    def __enter__(self) -> Self:
        self._last = self._counters()
        if self._last:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._last:
            self._thread.join()
            self._add()

    def _read_on(self) -> None:
        while not self._ended.wait(self._every_s):
            self._add()

    def _add(self) -> None:
        now = self._counters()
        for one, counter in now.items():
            before = self._last.get(one, counter)
            self._used_uj += counter - before if counter >= before else counter + _number(one / _RANGE) - before
        self._last = {**self._last, **now}

    def _counters(self) -> Mapping[Path, int]:
        try:
            return {one: _number(one / "energy_uj") for one in self._processors}
        except OSError:
            return {}


_RANGE = "max_energy_range_uj"


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))
