"""A file of probabilities as a teacher: an LLM, a service or a crowd can teach so.

JSON Lines or Parquet, one text per row.

- For texts: `text`, and one of `probabilities` (`{"positive": 0.9, "negative": 0.1}`), `logits` (in the same form) or
  `label` (a name).
- For words: `tokens`, or a `text` whose words are separated by spaces, and one of `probabilities` or `logits` (a list
  of the same forms, one for each word) or `tags` (a list of names).
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
from scipy.special import log_softmax

from kdops.data.encoding import Encoded, Text
from kdops.data.readers.lines import parse_json, read_lines
from kdops.errors import UserError, unknown
from kdops.task import Task
from kdops.training.losses import NO_LABEL
from kdops.training.teacher_logits import text_keys

logger = logging.getLogger(__name__)

SMALLEST = 1e-5
"""Smaller probabilities count as this one: the logarithm of 0, of a label or tag that is given alone, is no number."""
_SUM_TOLERANCE = 0.01


@dataclass(frozen=True)
class GivenLogits:
    """The log-probabilities, or logits, that a file gives for a list of texts.

    Attributes:
        values: float32 (units, classes).
        unit_starts: where each row's units begin, int64 (rows + 1,).
        missing: number of rows that the file lacks, which have their gold labels instead.
    """

    values: np.ndarray
    unit_starts: np.ndarray
    missing: int

    def __len__(self) -> int:
        return len(self.unit_starts) - 1

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """The logits of the units of some rows, in their order, float32 (units, classes)."""
        parts = [self.values[self.unit_starts[row] : self.unit_starts[row + 1]] for row in rows]
        return np.concatenate(parts) if parts else self.values[:0]


@dataclass(frozen=True)
class ProbabilityFile:
    """What a file says of its texts.

    Attributes:
        path: the file.
        task: the task.
        keys: the key of each text, from `text_keys`, ascending (texts,).
        starts: where the values of each text begin, int64 (texts,).
        counts: values of each text: 1, or its words, int64 (texts,).
        values: log-probabilities or logits of all units in the order of the data's labels, float32 (units, classes).
    """

    path: Path
    task: Task
    keys: np.ndarray
    starts: np.ndarray
    counts: np.ndarray
    values: np.ndarray

    def knows(self, texts: Iterable[Text]) -> np.ndarray:
        """Whether the file has each of the texts, bool (texts,)."""
        return self._places(texts) >= 0

    def logits(self, texts: Sequence[Text], encoded: Encoded, gold: np.ndarray | None = None) -> GivenLogits:
        """The logits of texts, for the units that their encoded form has.

        Args:
            texts: the texts.
            encoded: the same in anyone's tokens, which decides what words are cut off.
            gold: class of each unit, `NO_LABEL` where there is none, for texts that the file lacks; None: it must have
                all texts.

        Raises:
            UserError: if it lacks texts that have no gold labels either.
        """
        places = self._places(texts)
        missing = np.flatnonzero(places < 0)
        values = np.empty((len(encoded.unit_words), self.values.shape[1]), dtype=np.float32)
        for row, place in enumerate(places):
            units = slice(encoded.unit_starts[row], encoded.unit_starts[row + 1])
            if place >= 0:
                words = encoded.unit_words[units] if self.task.of_words else np.zeros(1, dtype=np.int64)
                values[units] = self.values[self.starts[place] + words]
            elif gold is None or (gold[units] == NO_LABEL).any():
                raise self._lacks(texts[row], len(missing), len(texts))
            else:
                values[units] = _hard(gold[units], self.values.shape[1])
        if len(missing):
            logger.warning("%s lacks %d of %d texts: these have their gold labels", self.path, len(missing), len(texts))
        return GivenLogits(values, encoded.unit_starts, len(missing))

    def _places(self, texts: Iterable[Text]) -> np.ndarray:
        asked = text_keys(texts)
        places = np.minimum(np.searchsorted(self.keys, asked), len(self.keys) - 1)
        return np.where(self.keys[places] == asked, places, -1)

    def _lacks(self, text: Text, missing: int, texts: int) -> UserError:
        shown = text if isinstance(text, str) else " ".join(text)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return UserError(f"{self.path} lacks {missing} of {texts} texts, {shown!r} for one")


def read_probabilities(path: Path, task: Task, labels: Sequence[str]) -> ProbabilityFile:
    """Read a file of probabilities.

    Of several rows for one text the first counts; how many others there were is logged.

    Args:
        path: a `.jsonl`, `.ndjson` or `.parquet` file.
        task: the task.
        labels: the data's labels.

    Raises:
        UserError: naming the line or row that cannot be read.
    """
    texts: list[Text] = []
    values: list[np.ndarray] = []
    for line, row in _rows(path):
        place = f"{path}:{line}"
        text = _text(row, task, place)
        texts.append(text)
        values.append(_values(row, task, labels, 1 if isinstance(text, str) else len(text), place))
    if not texts:
        raise UserError(f"{path} has no rows")
    keys, first = np.unique(text_keys(texts), return_index=True)
    if len(keys) < len(texts):
        logger.warning("%s: %d rows are of texts that came before, and are left out", path, len(texts) - len(keys))
    counts = np.array([len(part) for part in values], dtype=np.int64)
    starts = np.cumsum(counts) - counts
    return ProbabilityFile(path, task, keys, starts[first], counts[first], np.concatenate(values))


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a file, numbered from 1."""
    if not path.is_file():
        raise UserError(f"{path} is not a file")
    if path.suffix == ".parquet":
        try:
            file = parquet.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is not a Parquet file: {' '.join(str(error).split())}") from error
        rows = (row for batch in file.iter_batches() for row in batch.to_pylist(maps_as_pydicts="strict"))
        yield from enumerate(rows, start=1)
        return
    if path.suffix not in (".jsonl", ".ndjson"):
        raise UserError(f"{path}: probabilities are read from .jsonl, .ndjson and .parquet files")
    for line, content in read_lines(path):
        if content.strip():
            yield line, parse_json(content, path, line)


def _text(row: Mapping[str, Any], task: Task, place: str) -> Text:
    text, tokens = row.get("text"), row.get("tokens")
    if not task.of_words and isinstance(text, str):
        return text
    if task.of_words and isinstance(tokens, list) and tokens and all(isinstance(one, str) for one in tokens):
        return tokens
    if task.of_words and tokens is None and isinstance(text, str) and text.split():
        return text.split()
    wanted = "tokens, a list of words, or a text" if task.of_words else "a text"
    raise UserError(f"{place}: expected {wanted}")


def _values(row: Mapping[str, Any], task: Task, labels: Sequence[str], count: int, place: str) -> np.ndarray:
    """Logits of each unit of a row, float32 (units, classes)."""
    given = [name for name in ("probabilities", "logits", task.gold_column) if row.get(name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        raise UserError(f"{place}: expected one of probabilities, logits or {task.gold_column}, found {found}")
    (name,) = given
    units = row[name] if task.of_words else [row[name]]
    if not isinstance(units, list) or len(units) != count:
        raise UserError(f"{place}: expected {name} for {count} words")
    if name == task.gold_column:
        return _hard(np.array([_class(one, labels, place) for one in units]), len(labels))
    numbers = np.stack([_numbers(one, labels, place, of_logits=name == "logits") for one in units])
    if name == "logits":
        return numbers.astype(np.float32)
    if (numbers < 0).any() or not np.allclose(numbers.sum(axis=1), 1, rtol=0, atol=_SUM_TOLERANCE):
        raise UserError(f"{place}: probabilities must be at least 0 and add up to 1")
    return _log_probabilities(numbers)


def _numbers(given: Any, labels: Sequence[str], place: str, *, of_logits: bool) -> np.ndarray:
    """A number for each label: those of labels that are not named are 0, which no logit may be by omission."""
    if not isinstance(given, dict):
        raise UserError(f"{place}: expected an object of labels and numbers")
    # Parquet gives each row all names of its file.
    named = {name: value for name, value in given.items() if value is not None}
    for name, value in named.items():
        _class(name, labels, place)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise UserError(f"{place}: {value!r} of {name!r} is not a number")
    if of_logits and len(named) < len(labels):
        lacking = next(label for label in labels if label not in named)
        raise UserError(f"{place}: logits must name all labels, and {lacking!r} is not among them")
    return np.array([named.get(label, 0.0) for label in labels], dtype=np.float64)


def _class(name: Any, labels: Sequence[str], place: str) -> int:
    if name not in labels:
        raise unknown(f"{place}: label", str(name), labels)
    return labels.index(name)


def _hard(classes: np.ndarray, count: int) -> np.ndarray:
    return _log_probabilities(np.eye(count)[classes])


def _log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    logs: np.ndarray = log_softmax(np.log(np.maximum(probabilities, SMALLEST)), axis=-1).astype(np.float32)
    return logs
