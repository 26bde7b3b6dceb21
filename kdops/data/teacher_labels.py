"""A data set whose labels are a teacher's: an ordinary folder of files, and a note that says whose labels they are.

Scores on it measure how far a model agrees with that teacher, and not how often it is right.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from kdops.task import Task

_NOTE = "teacher-labels.json"
_SUFFIX = "-agreement"


@dataclass(frozen=True)
class TeacherLabels:
    """The note beside the files.

    Attributes:
        dataset: the data set's name without these labels.
        teacher: the teacher that gave the labels.
        task: what they are for.
        labels: all labels that the teacher knows, in the order of its classes.
    """

    dataset: str
    teacher: str
    task: Task
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """The data set's name, other than with gold labels, so that models of the two are never compared."""
        return self.dataset + _SUFFIX


def teacher_labels_of(name_or_path: str) -> TeacherLabels | None:
    """The note in a folder; None: there is none, so its labels are gold labels."""
    note = Path(name_or_path).expanduser() / _NOTE
    return TypeAdapter(TeacherLabels).validate_json(note.read_bytes()) if note.is_file() else None


def write_teacher_labels(
    folder: Path, note: TeacherLabels, splits: Mapping[str, Iterable[tuple[Sequence[str], Sequence[str]]]]
) -> None:
    """Write a data set.

    Args:
        folder: an empty one.
        note: whose labels they are.
        splits: by name, texts with their labels, or words with their tags.
    """
    for split, rows in splits.items():
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as file:
            for text, label in rows:
                row = {note.task.input_column: text, note.task.gold_column: label}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    (folder / _NOTE).write_text(json.dumps(asdict(note)), encoding="utf-8")
