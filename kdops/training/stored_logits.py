"""The logits of texts on disk, found by text, whoever gave them: an encoder or a file."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from kdops.data.encoding import Encoded
from kdops.data.inputs import Text, sides
from kdops.training.shards import KEY_BYTES, RaggedRows


@dataclass(frozen=True)
class StoredLogits:
    """The logits of a list of texts, read from memory-mapped files as they are needed.

    Attributes:
        rows: float32 numbers on disk: of each unit of a text its word, then its logits.
        classes: number of classes.
        computed: how many of the texts went through the teacher just now; the others were on disk.
        unit_starts: where the units of each row begin in `positions`, int64 (rows + 1,); None with `positions`.
        positions: for each unit of a student's encoding, which of its row's stored units it is, int32 (units,); -1
            where there is none. None: the student's units are the stored ones.
    """

    rows: RaggedRows
    classes: int
    computed: int
    unit_starts: np.ndarray | None = None
    positions: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def missing_units(self) -> int:
        """Units of the student's encoding that the teacher said nothing about."""
        return 0 if self.positions is None else int((self.positions < 0).sum())

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """The logits of the units of some rows, in their order, float32 (units, classes); NaN where there are none."""
        parts = [self._stored(row)[:, 1:] for row in rows]
        if self.positions is None or self.unit_starts is None:
            return np.concatenate(parts)
        wanted = [self.positions[self.unit_starts[row] : self.unit_starts[row + 1]] for row in rows]
        nothing = np.full((1, self.classes), np.nan, dtype=np.float32)
        # Position -1 is the row of NaN at the end.
        return np.concatenate([np.concatenate([part, nothing])[at] for part, at in zip(parts, wanted, strict=True)])

    def for_units(self, encoded: Encoded) -> "StoredLogits":
        """The same logits in the order of the units of another encoding of the same texts.

        Args:
            encoded: the texts in a student's tokens. Its units are found by their words: those that the teacher's
                tokens lack, because the text was cut earlier there, have no logits.
        """
        positions = np.full(len(encoded.unit_words), -1, dtype=np.int32)
        same = True
        for row in range(len(self)):
            start, end = encoded.unit_starts[row], encoded.unit_starts[row + 1]
            stored, wanted = self._stored(row)[:, 0], encoded.unit_words[start:end]
            if np.array_equal(stored, wanted):
                positions[start:end] = np.arange(len(wanted))
                continue
            same = False
            at = np.minimum(np.searchsorted(stored, wanted), max(len(stored) - 1, 0))
            if len(stored):
                positions[start:end] = np.where(stored[at] == wanted, at, -1)
        return self if same else replace(self, unit_starts=encoded.unit_starts, positions=positions)

    def _stored(self, row: int) -> np.ndarray:
        """The words and the logits of a row's units, float32 (units, 1 + classes)."""
        return self.rows.row(row).reshape(-1, 1 + self.classes)


def centred(logits: np.ndarray) -> np.ndarray:
    """Logits of one softmax, minus their mean, which says nothing of the probabilities.

    Logits and the logarithms of their probabilities differ by a constant per unit only: both become the same numbers.

    Args:
        logits: (units, classes).

    Returns:
        float32 (units, classes), rounded once.
    """
    exact = logits.astype(np.float64)
    # A result often lies exactly between two float32 numbers, and the 16th digit would decide how it is rounded.
    off_the_middle = (exact - exact.mean(axis=-1, keepdims=True)) * (1 + 1e-11)
    rounded: np.ndarray = off_the_middle.astype(np.float32)
    return rounded


def text_keys(texts: Iterable[Text]) -> np.ndarray:
    """The key of each text: 16 bytes of BLAKE2b over the text, or over its words, of both sides; bytes (texts,)."""
    digests = bytearray()
    for text in texts:
        whole = "\x1e".join(side if isinstance(side, str) else "\x1f".join(side) for side in sides(text))
        digests += hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()
    return np.frombuffer(bytes(digests), dtype=f"S{KEY_BYTES}")
