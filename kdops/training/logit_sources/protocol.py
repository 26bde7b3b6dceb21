"""What a student needs of a teacher, wherever that comes from."""

from typing import Protocol

import numpy as np


class TeacherLogits(Protocol):
    """The teacher's logits of a list of texts; log-probabilities are logits too.

    A *unit* is what gets one label: a text, or a word of it. `kdops.training.batches.TeacherLogits` asks for no more.
    """

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """The logits of the units of some rows, in their order, float32 (units, classes)."""
        ...
