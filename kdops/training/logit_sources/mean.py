"""Several teachers as one: the mean of their probabilities."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, logsumexp

from kdops.training.batches import TeacherLogits
from kdops.training.stored_logits import centred


@dataclass(frozen=True)
class MeanLogits:
    """The mean of the probabilities of several teachers, as logits.

    The teachers may have tokenizers of their own, since units are texts and words. Where they share one,
    `kdops.models.teachers.ensemble.mean_teacher` is a model that can be exported as well.

    Attributes:
        members: the logits of each teacher, for the same texts and the same classes.
    """

    members: tuple[TeacherLogits, ...]

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """`centred` logits of the units of some rows, in their order, float32 (units, classes).

        Raises:
            ValueError: if the teachers do not have the same units, as when one was cut at another maximum length.
        """
        parts = [member.gather(rows) for member in self.members]
        if len({part.shape for part in parts}) != 1:
            raise ValueError(f"teachers with different units or classes: {[part.shape for part in parts]}")
        logs = np.stack([log_softmax(part.astype(np.float64), axis=-1) for part in parts])
        return centred(logsumexp(logs, axis=0))
