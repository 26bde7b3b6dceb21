"""The workspace: results that took long to make, kept on this machine and found again.

All of them are kept in one way. A piece of work is named by its stage, the stage's version and a key that stands for
everything that it is made from. One process at a time finds it on disk, fetches it from elsewhere, or makes it. A
finished piece appears whole or not at all, so the leftovers of a killed process never count as finished.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock
from pydantic import TypeAdapter

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Result = TypeVar("Result")

_UNFINISHED = ".part"

RESULT_FILE = "result.json"
"""The file with the result of a piece of work, among its other files."""


def home() -> Path:
    """The folder of everything reusable on this machine: `KDOPS_HOME`, by default `~/.cache/kdops`."""
    return Path(os.environ.get("KDOPS_HOME") or Path.home() / ".cache" / "kdops")


@dataclass(frozen=True)
class Stage:
    """A kind of work whose results are kept.

    Attributes:
        name: its folder below `home()`.
        version: raised when the same key would give another result than before.
    """

    name: str
    version: int


GENERAL_TEXTS = Stage("general-texts", 1)
ENCODER_STATES = Stage("encoder-states", 1)
UNLABELED_TEXTS = Stage("unlabeled-texts", 4)
AUGMENTED_TEXTS = Stage("augmented-texts", 4)
VOCABULARIES = Stage("vocabularies", 1)
GENERAL_STUDENTS = Stage("general-students", 1)
TEACHERS = Stage("teachers", 5)
REGISTERED_TEACHERS = Stage("registered-teachers", 1)
TEACHER_BUNDLES = Stage("teacher-bundles", 1)
INT8_TEACHERS = Stage("int8-teachers", 1)
LINEAR_BASELINES = Stage("linear-baselines", 2)
TEACHER_LABELED = Stage("teacher-labeled", 2)
GIVEN_LOGITS = Stage("given-logits", 2)
TEACHER_LOGITS = Stage("teacher-logits", 3)
STUDIES = Stage("studies", 7)
BASELINES = Stage("baselines", 4)
STUDENTS = Stage("students", 3)
EXAM_CELLS = Stage("exam-cells", 1)


@dataclass(frozen=True)
class Piece:
    """One piece of work.

    Attributes:
        stage: what kind.
        key: stands for all that it is made from.
    """

    stage: Stage
    key: str

    @property
    def path(self) -> Path:
        """The folder of the finished piece, or of one that grows."""
        return home() / self.stage.name / f"{self.key}-v{self.stage.version}"

    @property
    def scratch(self) -> Path:
        """A folder for what an unfinished piece needs in order to go on after a kill; gone once it is finished."""
        return self.path.with_name(f"{self.path.name}.scratch")

    @contextmanager
    def locked(self, *, wait: bool = True) -> Iterator[Path]:
        """Keep other processes from this piece; the lock ends with the process, whatever ends it.

        Args:
            wait: whether to wait for another process that has it.

        Yields:
            Its path, whose parent folder exists.

        Raises:
            filelock.Timeout: another process has it, and there is no waiting.
        """
        with locked(self.path, wait=wait):
            yield self.path

    def find(self, fetch: Callable[[Path], bool] | None = None) -> Path | None:
        """The finished piece on this machine, else fetched; None: there is none. To be called while it is locked.

        Args:
            fetch: fills an empty folder from elsewhere; False: it is not to be had there.
        """
        if self.path.exists():
            return self.path
        if fetch is None:
            return None
        with _beside(self.path) as fresh:
            fresh.mkdir()
            if not fetch(fresh):
                return None
            fresh.rename(self.path)
        return self.path

    def make(self, make: Callable[[Path], None]) -> Path:
        """Make the piece anew, in the place of one that is there. To be called while it is locked.

        Args:
            make: fills an empty folder; what it raises leaves nothing behind but `scratch`.
        """
        for left in self.path.parent.glob(f".{self.path.name}.*{_UNFINISHED}"):
            # Of a process that was killed.
            shutil.rmtree(left, ignore_errors=True)
        with written_whole(self.path) as fresh:
            fresh.mkdir()
            make(fresh)
        shutil.rmtree(self.scratch, ignore_errors=True)
        return self.path


def find_or_make(
    piece: Piece, make: Callable[[Path], None], *, fetch: Callable[[Path], bool] | None = None, force: bool = False
) -> Path:
    """The finished piece: found, fetched, or made.

    Args:
        piece: which.
        make: as for `Piece.make`.
        fetch: as for `Piece.find`.
        force: make it anew in any case.
    """
    with piece.locked():
        found = None if force else piece.find(fetch)
        return found or piece.make(make)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Keep other processes from a file or folder, whose parent folder is made; see `Piece.locked`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=-1 if wait else 0):
        yield


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A name beside the target for a file or folder that takes its place if all goes well, and vanishes if not.

    Raises:
        OSError: it cannot be written, on a full disk, say.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _beside(target) as fresh:
        yield fresh
        if target.is_dir():
            # A folder cannot replace one that holds something.
            with _beside(target) as retired:
                target.rename(retired)
                fresh.rename(target)
        else:
            fresh.replace(target)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    fresh = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}{_UNFINISHED}")
    try:
        yield fresh
    finally:
        if fresh.is_dir():
            shutil.rmtree(fresh, ignore_errors=True)
        else:
            fresh.unlink(missing_ok=True)


def save_result(folder: Path, result: "DataclassInstance") -> None:
    """Write the result of a piece of work, a dataclass of plain values, into its folder."""
    # Not by pydantic, which writes infinity as null.
    (folder / RESULT_FILE).write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")


def load_result(folder: Path, kind: type[Result]) -> Result:
    """Read back the dataclass that `save_result` wrote."""
    return TypeAdapter(kind).validate_json((folder / RESULT_FILE).read_bytes())


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
