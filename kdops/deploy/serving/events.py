"""The log of a server on standard output: a line of JSON for each event, never the text of a request."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence

import orjson

_GATHER_S = 0.25


def say(event: str, **facts: object) -> None:
    """Write a line; facts that are None are left out."""
    _write([{"event": event, **{name: fact for name, fact in facts.items() if fact is not None}}])


class AccessLog:
    """Lines about requests, written four times a second: a write for each would cost as much as a small answer."""

    def __init__(self) -> None:
        self._lines: list[dict[str, object]] = []

    def add(self, line: dict[str, object]) -> None:
        """Take a line; to be called from a loop."""
        if not self._lines:
            asyncio.get_running_loop().call_later(_GATHER_S, self.flush)
        self._lines.append(line)

    def flush(self) -> None:
        """Write what was taken."""
        lines, self._lines = self._lines, []
        _write(lines)


def _write(lines: Sequence[dict[str, object]]) -> None:
    """Write lines that begin with the time; a reader that went away stops no service."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with contextlib.suppress(OSError):
        sys.stdout.write("".join(f"{orjson.dumps({'time': now, **line}).decode()}\n" for line in lines))
        sys.stdout.flush()
