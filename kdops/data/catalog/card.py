"""The card of a data set: all that is known before any of its files is read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from kdops.data.raw import Example, Scheme
from kdops.task import ASPECT_MARK, Task

INDOBERT = "indobenchmark/indobert-base-p1"
MULTILINGUAL = "intfloat/multilingual-e5-small"
"""The default teacher of users' data, whose language is unknown: it reads about a hundred languages."""
SCRATCH = "scratch"

Parser = Callable[[Path], Iterable[Example]]


@dataclass(frozen=True)
class RemoteFile:
    """One public file, fixed to a commit.

    Attributes:
        repository: owner and name.
        commit: the full hash.
        path: the file's path inside the repository.
        sha256: of its bytes, hexadecimal.
        size_bytes: its size.
    """

    repository: str
    commit: str
    path: str
    sha256: str
    size_bytes: int

    @property
    def address(self) -> str:
        """The file's path below the host, or below a mirror of it."""
        return f"{self.repository}/{self.commit}/{self.path}"


@dataclass(frozen=True)
class Cleaning:
    """A repair of single texts.

    Attributes:
        what: what is repaired, for the note that counts the texts.
        apply: gives the repaired text.
    """

    what: str
    apply: Callable[[str], str]


@dataclass(frozen=True)
class DatasetCard:
    """Everything needed to load one data set and to say where it comes from.

    Attributes:
        name: the name that the user gives.
        task: what its labels are for.
        files: one file per split, public or on this machine; splits without a file are made from train.
        parser: reads one of the files.
        labels: all labels in the order of the model's classes.
        rows: a split's number of texts, in the order of `SPLITS`.
        licence: under which the data may be used.
        citation: whom to name.
        default_teacher: the encoder to fine-tune when the user names none.
        unlabeled: a JSONL file of more texts, if there is one.
        scheme: how its tags mark spans; plain: not at all, or it has none.
        parts: of a split whose file holds more than the split, which of the file's rows are its own.
        cleaning: the repair of its texts, if they need one.
        notes: its known faults and what is done about them, in plain sentences.
        pairs: whether its inputs are pairs.
    """

    name: str
    task: Task
    files: Mapping[str, RemoteFile | Path]
    parser: Parser
    labels: tuple[str, ...]
    rows: tuple[int, int, int]
    licence: str
    citation: str
    default_teacher: str = INDOBERT
    unlabeled: Path | None = None
    scheme: Scheme = "plain"
    parts: Mapping[str, slice] = field(default_factory=dict)
    cleaning: Cleaning | None = None
    notes: tuple[str, ...] = ()
    pairs: bool = False

    @property
    def public(self) -> bool:
        """Whether its files are published elsewhere, and not kdops' own samples."""
        return all(isinstance(file, RemoteFile) for file in self.files.values())

    @property
    def main_metric(self) -> str:
        """The metric that models are compared by: the same as `kdops.metrics.main_metric`, which is slow to import."""
        return "f1_macro" if self.scheme == "plain" else "f1_entity_macro"


def iob2(*types: str) -> tuple[str, ...]:
    """The tags of a span task: O, then B- and I- of each type."""
    return ("O", *(f"{position}-{name}" for name in types for position in "BI"))


def aspects(
    names: Iterable[str], values: Sequence[str], more: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, ...]:
    """The labels of aspects: each value of each, and of some of them one more."""
    return tuple(
        sorted(f"{name}{ASPECT_MARK}{value}" for name in names for value in (*values, more.get(name, "")) if value)
    )


@dataclass(frozen=True)
class Repository:
    """A repository of public files at one commit.

    Attributes:
        name: owner and name.
        commit: the full hash.
    """

    name: str
    commit: str

    def file(self, path: str, sha256: str, size_bytes: int) -> RemoteFile:
        """One of its files."""
        return RemoteFile(self.name, self.commit, path, sha256, size_bytes)

    def splits(self, pattern: str, **files: tuple[str, str, int]) -> dict[str, RemoteFile]:
        """One file per split.

        Args:
            pattern: the path of each file, with {} where the paths differ.
            files: by split: the text for {}, the sha256 and the size in bytes.
        """
        return {
            split: self.file(pattern.format(word), sha256, size_bytes)
            for split, (word, sha256, size_bytes) in files.items()
        }


INDONLU = Repository("IndoNLP/indonlu", "ce728f6926a36174b9923dfe49d6a6839b6e9bb7")
INDONLU_CITATION = (
    "Wilie et al. (2020), IndoNLU: Benchmark and Resources for Evaluating Indonesian Natural Language Understanding, "
    "AACL-IJCNLP 2020"
)
