"""What a server says on standard output: a line of JSON for each event, never a text that it was asked."""

import contextlib
import sys
import time

import orjson


def say(event: str, **facts: object) -> None:
    """Write a line; facts that are None are left out, and a reader that went away stops no service."""
    known = {name: fact for name, fact in facts.items() if fact is not None}
    line = orjson.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **known})
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line.decode()}\n")
        sys.stdout.flush()
