"""A data set as it was read, before checks and before its classes are numbered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kdops.data.inputs import Text, sides
from kdops.task import Task

Scheme = Literal["auto", "iob1", "iob2", "iobes", "plain"]
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Example:
    """One labeled row of a file.

    Attributes:
        input: the text, the words of a token task, or a pair of either.
        gold: its label; any number of labels; one per aspect, such as `price:negative`; or one tag per word.
        line: where the row begins in its file, from 1; of a Parquet file or a hub data set, the row's number.
        aspects: whether the labels of a text are one per aspect.
    """

    input: Text
    gold: str | list[str]
    line: int
    aspects: bool = False

    @property
    def task(self) -> Task:
        """The task that this row is for."""
        if not isinstance(sides(self.input)[-1], str):
            return Task.TOKEN
        if isinstance(self.gold, str):
            return Task.TEXT
        return Task.ASPECTS if self.aspects else Task.MULTI_LABEL

    @property
    def names(self) -> Sequence[str]:
        """Its label, its labels, or its tags."""
        return [self.gold] if isinstance(self.gold, str) else self.gold


@dataclass(frozen=True)
class DataOptions:
    """The user's options for reading a data set.

    Attributes:
        name: its name in tags and in the registry; None: the name of its folder or file, made safe.
        text_column: of a text, or of the words: a column's name, or its number from 1 where columns have no names;
            two with a comma between them for pairs; None: found.
        label_column: of the label, or of the tags: likewise; several with commas between them for several labels.
        scheme: how tags mark spans; auto: found from the tags of train.
        task: what the labels are for; None: found.
        separator: the character between the columns of a table, or its name: comma, semicolon, tab, pipe, space;
            None: found.
        drop_leaks: whether texts of train that stand in validation or test too are dropped.
        seed: of the splits that are made here.
    """

    name: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    scheme: Scheme = "auto"
    task: Task | None = None
    separator: str | None = None
    drop_leaks: bool = False
    seed: int = 1


AS_FOUND = DataOptions()
"""No options: everything is found from the files."""


@dataclass(frozen=True)
class FileRows:
    """The rows of one file, or of one split of a hub data set.

    Attributes:
        rows: in the file's order.
        columns: the meaning of columns, for people; empty where it is obvious.
        notes: rows that were left out, repaired or reinterpreted, counted, in plain sentences.
    """

    rows: Sequence[Example]
    notes: tuple[str, ...] = ()
    columns: str = ""


@dataclass(frozen=True)
class RawDataset:
    """The rows of a data set, and what is known of it.

    Attributes:
        name: safe in file names and in the registry.
        rows: by split; `train` is always there, the others may be missing.
        places: where the rows of each split come from, for messages.
        labels: all labels in the order of the model's classes; empty: those of train, sorted.
        licence: under which the data may be used.
        citation: whom to name.
        default_teacher: the encoder to fine-tune when the user names none.
        unlabeled: a file of more texts of the same kind, if there is one.
        notes: what was repaired or made on the way, in plain sentences.
        columns: which columns hold what, for people.
        labeled_by: the teacher whose labels they are; empty: they are gold labels.
    """

    name: str
    rows: Mapping[str, Sequence[Example]]
    places: Mapping[str, Path]
    labels: tuple[str, ...]
    licence: str
    citation: str
    default_teacher: str
    unlabeled: Path | None = None
    notes: tuple[str, ...] = ()
    columns: str = ""
    labeled_by: str = ""
