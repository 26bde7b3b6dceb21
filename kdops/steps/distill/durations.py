"""The duration of each part of a piece of work."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kdops.tracking import names
from kdops.tracking.recorder import Recording

logger = logging.getLogger(__name__)


@dataclass
class Phases:
    """Seconds of each phase, in order.

    Attributes:
        record: the run that is tagged with its current phase; None: there is none.
    """

    record: Recording | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Around a phase, which ends well or is not counted."""
        started, took = time.monotonic(), f"{name}_s"
        logger.info("%s ...", name.replace("_", " "))
        if self.record:
            self.record.tags({names.PHASE: name})
        yield
        self.seconds[took] = time.monotonic() - started
        logger.info("%s: %.1f s", name.replace("_", " "), self.seconds[took])
