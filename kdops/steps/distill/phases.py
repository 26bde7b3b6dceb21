"""How long each part of a piece of work takes."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)


@dataclass
class Phases:
    """Seconds of each phase, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Around a phase, which ends well or is not counted."""
        started = time.monotonic()
        yield
        self.seconds[f"{name}_s"] = time.monotonic() - started
        logger.info("%s: %.1f s", name, self.seconds[f"{name}_s"])
