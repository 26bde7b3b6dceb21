"""A file of probabilities as a teacher: an LLM, a service or a crowd can teach so.

JSON Lines or Parquet, one text per row.

- For texts: `text`, and one of `probabilities` (`{"positive": 0.9, "negative": 0.1}`), `logits` (in the same form) or
  `label` (a name).
- For words: `tokens`, or a `text` whose words are separated by spaces, and one of `probabilities` or `logits` (a list
  of the same forms, one for each word) or `tags` (a list of names).
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet

from kdops.data.inputs import Text, joined
from kdops.data.readers.lines import parse_json, stream_lines
from kdops.data.tag_paths import best_path
from kdops.errors import UserError
from kdops.fingerprint import fingerprint
from kdops.models.teachers.label_names import plain_label
from kdops.task import Task
from kdops.training.shards import KEY_BYTES, find_rows, write_shard
from kdops.training.stored_logits import StoredLogits, centred, text_keys
from kdops.workspace import GIVEN_LOGITS, Piece, file_digest, find_or_make

logger = logging.getLogger(__name__)

SMALLEST = 1e-5
"""A probability of 0 counts as this one, or as the smallest given: its logarithm is no number."""
_SUM_TOLERANCE = 0.01
_SHARD_TEXTS = 8_192
_SHOWN = 60


@dataclass(frozen=True)
class LabelNames:
    """The labels of a file, as the data has them; case does not matter, nor how B- and I- are joined to a type.

    Attributes:
        labels: the data's labels, in the order of the classes.
        called: what labels of the file are called in the data, where the names differ.
    """

    labels: tuple[str, ...]
    called: Mapping[str, str] = field(default_factory=dict)

    def index(self, name: Any, place: str) -> int:
        """The class of a label of the file.

        Raises:
            UserError: if the data has no such label.
        """
        ours = self.called.get(name, name) if isinstance(name, str) else str(name)
        found = self._classes.get(ours, self._classes.get(plain_label(ours)))
        if found is None:
            raise UserError(f"{place}: the data have no label {str(name)!r}; they have: {', '.join(self.labels)}")
        return found

    @cached_property
    def _classes(self) -> Mapping[str, int]:
        plain = {plain_label(label): index for index, label in enumerate(self.labels)}
        exact = {label: index for index, label in enumerate(self.labels)}
        return exact | plain if len(plain) == len(exact) else exact


def given_store(path: Path, task: Task, names: LabelNames) -> Path:
    """The store of the logits in a file of probabilities, which is read once for each set of labels.

    Raises:
        UserError: as `store_probabilities`.
    """
    key = fingerprint(file_digest(path), task, names.labels, names.called)
    return find_or_make(Piece(GIVEN_LOGITS, key), lambda folder: store_probabilities(path, task, names, folder))


def store_probabilities(path: Path, task: Task, names: LabelNames, folder: Path) -> None:
    """Read a file of probabilities, row by row, into a store of teacher logits; see `given_logits`.

    Args:
        path: a `.jsonl`, `.ndjson` or `.parquet` file. Rows that repeat an earlier one are counted and left out.
        task: the task.
        names: of the labels.
        folder: the store, an empty folder.

    Raises:
        UserError: naming the line or row that cannot be read, or says otherwise of a text than one before.
    """
    said: dict[bytes, int] = {}
    unwritten: dict[bytes, np.ndarray] = {}
    rows = 0
    for line, row in _rows(path):
        rows += 1
        place = f"{path}:{line}"
        text = _text(row, task, place)
        values = _values(row, task, names, 1 if isinstance(text, str) else len(text), place)
        key, digest = bytes(text_keys([text])[0]), hash(values.tobytes())
        if key not in said:
            said[key], unwritten[key] = digest, values
        elif said[key] != digest:
            raise UserError(f"{place}: it says otherwise of {shown(text)} than a row before; keep one of them")
        if len(unwritten) == _SHARD_TEXTS:
            _write(folder, unwritten)
            unwritten = {}
    if not said:
        raise UserError(f"{path} has no rows")
    if unwritten:
        _write(folder, unwritten)
    if len(said) < rows:
        logger.warning("%s: %d rows repeat a row before and are left out", path, rows - len(said))


def labels_in(path: Path) -> tuple[Task, tuple[str, ...]]:
    """The task of a file of probabilities, and all labels that its rows name, sorted, O first.

    Raises:
        UserError: naming the line or row that cannot be read.
    """
    found: set[str] = set()
    task: Task | None = None
    for line, row in _rows(path):
        given = [row[name] for name in ("probabilities", "logits", "label", "tags") if row.get(name) is not None]
        units = [unit for one in given for unit in (one if isinstance(one, list) else [one])]
        found.update(str(name) for unit in units for name in (unit if isinstance(unit, dict) else [unit]))
        if not found:
            raise UserError(f"{path}:{line}: expected one of probabilities, logits, label or tags, found none of them")
        task = task or (Task.TOKEN if isinstance(given[0], list) else Task.TEXT)
    if task is None:
        raise UserError(f"{path} has no rows")
    return task, tuple(sorted(found, key=lambda name: (name != "O", name)))


def store_gold(folder: Path, texts: Iterable[Text], gold: Iterable[np.ndarray], classes: int) -> None:
    """Add texts to a store of teacher logits, with their gold labels as sure answers.

    Args:
        folder: the store.
        texts: the texts.
        gold: the class of each of its units, int64 (units,).
        classes: number of classes.
    """
    keys = text_keys(texts)
    _write(folder, {bytes(key): _hard(one, classes) for key, one in zip(keys, gold, strict=True)})


def given_logits(folder: Path, texts: Iterable[Text], classes: int) -> StoredLogits:
    """The logits that a store has of texts; those that it lacks have no units.

    Args:
        folder: where `store_probabilities` wrote.
        texts: the texts.
        classes: number of classes.
    """
    return StoredLogits(find_rows(folder, text_keys(texts), may_lack=True), classes, computed=0)


def lacking(store: Path, texts: Iterable[Text], classes: int) -> list[bool]:
    """Of each text whether a file's store lacks it."""
    counts: list[bool] = (given_logits(store, texts, classes).rows.counts == 0).tolist()
    return counts


def likely_labels(store: Path, texts: Sequence[Text], labels: Sequence[str]) -> list[str] | list[list[str]]:
    """The most likely label of each text, or tag of each word, by a file's store that lacks none of them."""
    logits = given_logits(store, texts, len(labels))
    rows = [best_path(labels, logits.gather(np.array([row]))) for row in range(len(texts))]
    said = [[labels[index] for index in row] for row in rows]
    return [label for (label,) in said] if isinstance(texts[0], str) else said


def shown(text: Text) -> str:
    """A text for messages, cut where it is long."""
    whole = joined(text)
    return repr(whole if len(whole) <= _SHOWN else f"{whole[: _SHOWN - 3]}...")


def _write(folder: Path, rows: Mapping[bytes, np.ndarray]) -> None:
    stored = [np.column_stack([np.arange(len(values), dtype=np.float32), values]) for values in rows.values()]
    write_shard(folder, np.array(list(rows), dtype=f"S{KEY_BYTES}"), stored)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a file, numbered from 1."""
    if not path.is_file():
        raise UserError(f"{path} is not a file")
    if path.suffix.lower() == ".parquet":
        try:
            batches = parquet.ParquetFile(path).iter_batches()
            yield from enumerate((row for one in batches for row in one.to_pylist(maps_as_pydicts="strict")), 1)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is not a Parquet file: {' '.join(str(error).split())}") from error
        return
    for line, content in stream_lines(path):
        yield line, parse_json(content, path, line)


def _text(row: Mapping[str, Any], task: Task, place: str) -> str | list[str]:
    text, tokens = row.get("text"), row.get("tokens")
    if not task.of_words and isinstance(text, str):
        return text
    if task.of_words and isinstance(tokens, list) and tokens and all(isinstance(one, str) for one in tokens):
        return tokens
    if task.of_words and tokens is None and isinstance(text, str) and text.split():
        return text.split()
    wanted = "tokens, a list of words, or a text" if task.of_words else "a text"
    found = ", ".join(repr(name) for name, value in row.items() if value is not None)
    raise UserError(f"{place}: expected {wanted}, found {found or 'nothing'}")


def _values(row: Mapping[str, Any], task: Task, names: LabelNames, count: int, place: str) -> np.ndarray:
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
        return _hard(np.array([names.index(one, place) for one in units]), len(names.labels))
    numbers = np.stack([_numbers(one, names, place, of_logits=name == "logits") for one in units])
    if name == "logits":
        return centred(numbers)
    if (numbers < 0).any():
        raise UserError(f"{place}: probabilities must be at least 0, found {numbers.min():g}")
    sums = numbers.sum(axis=1)
    if not np.allclose(sums, 1, rtol=0, atol=_SUM_TOLERANCE):
        raise UserError(f"{place}: probabilities must add up to 1, found {sums[np.abs(sums - 1).argmax()]:g}")
    return _logits(numbers)


def _numbers(given: Any, names: LabelNames, place: str, *, of_logits: bool) -> np.ndarray:
    """A number for each label: those of labels that are not named are 0, which no logit may be by omission."""
    if not isinstance(given, dict):
        raise UserError(f"{place}: expected an object of labels and numbers")
    numbers = np.full(len(names.labels), np.nan)
    for name, value in given.items():
        # Parquet gives each row all names of its file.
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise UserError(f"{place}: {value!r} of {name!r} is not a number")
        numbers[names.index(name, place)] = value
    lacking = np.isnan(numbers)
    if of_logits and lacking.any():
        label = names.labels[int(lacking.argmax())]
        raise UserError(f"{place}: logits must name all labels, and {label!r} is not among them")
    return np.where(lacking, 0.0, numbers)


def _hard(classes: np.ndarray, count: int) -> np.ndarray:
    return _logits(np.eye(count)[classes])


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """The logits of probabilities; a 0 never counts as more than what was given."""
    given = np.where(probabilities > 0, probabilities, SMALLEST)
    least = np.minimum(given.min(axis=-1, keepdims=True), SMALLEST)
    return centred(np.log(np.where(probabilities > 0, probabilities, least)))
