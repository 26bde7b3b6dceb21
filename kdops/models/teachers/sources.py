"""Where a teacher comes from: a folder, a model of the Hugging Face hub at one commit, or a registered version."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from kdops.data.catalog.card import SCRATCH as SCRATCH
from kdops.errors import UserError
from kdops.fingerprint import fingerprint
from kdops.models.teachers.adapters import check_adapter
from kdops.workspace import REGISTERED_TEACHERS, Piece, file_digest

MEMBER = "member-"
"""The beginning of the names of folders of an ensemble's members, before their number."""
FILE_SUFFIXES = (".jsonl", ".ndjson", ".parquet")
"""How files of probabilities end."""
REGISTERED = "models:/"
"""How addresses of MLflow's registry begin."""
_VERSION = re.compile(REGISTERED + r"[^/@]+/\d+@[0-9a-f]+")
_CHOICES = "give a Hugging Face hub id, a local folder, models:/name@alias, a file of probabilities, or scratch"
_HUB_TIMEOUT_S = 5.0
_READ_SUFFIXES = {".json", ".safetensors", ".bin", ".txt", ".model"}
_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class PinnedSource:
    """The arguments of `from_pretrained`.

    Attributes:
        name: a folder, the id of a model of the hub, or a registered version.
        revision: the commit of the hub's model; None for the others.
        folder: where it is on this machine; None for a model of the hub.
    """

    name: str
    revision: str | None
    folder: str | None

    @property
    def place(self) -> str:
        """The folder or hub id that transformers loads."""
        return self.folder or self.name

    def __str__(self) -> str:
        return self.name if self.revision is None else f"{self.name}@{self.revision}"


def check_teacher(source: str) -> None:
    """Find out within seconds whether a teacher can be had.

    Raises:
        UserError: if it cannot, saying what else to give.
    """
    if source == SCRATCH:
        return
    if file := file_of(source):
        if not file.is_file():
            raise UserError(f"teacher {source!r}: no such file")
        return
    for member in member_sources(source):
        pinned_source(member)


def registered_version(source: str) -> Piece | None:
    """Where this machine keeps the model of a registered version, `models:/reviews/3@1f3a9c2b`; None: it is none.

    `kdops.tracking.registry.teachers` gives versions this form, and fetches them. The mark at the end tells registries
    apart, so that the form stands for the model itself.
    """
    return Piece(REGISTERED_TEACHERS, fingerprint(source)) if _VERSION.fullmatch(source) else None


def _folder_of(source: str) -> Path:
    version = registered_version(source)
    return version.path if version else Path(source)


def file_of(source: str) -> Path | None:
    """The file of probabilities that a teacher is; None: it is an encoder."""
    path = Path(source).expanduser()
    return path if path.suffix.lower() in FILE_SUFFIXES and not path.is_dir() else None


def member_sources(source: str) -> list[str]:
    """The folders of the members where a folder holds an ensemble (see `Teacher.save`), else the source itself."""
    folder = _folder_of(source)
    members = [] if (folder / "config.json").is_file() else sorted(folder.glob(f"{MEMBER}*"))
    return [str(member) for member in members] or [source]


def pinned_source(source: str) -> PinnedSource:
    """A folder that holds a model, or a model of the hub at one commit.

    A hub id may name its commit, branch or tag: `owner/name@revision`; without one it is `main`. A model that is on
    this machine already stays at the commit that was fetched, so that the same command trains the same teacher
    tomorrow, online or not.

    Raises:
        UserError: if there is no such model, saying what else to give.
    """
    folder = _folder_of(source)
    check_adapter(source, folder)
    if (folder / "config.json").is_file():
        _check_files(source, folder)
        return PinnedSource(source, None, str(folder))
    if source.startswith(REGISTERED):
        raise UserError(f"teacher {source!r} is a registered model, which was not fetched to this machine")
    if folder.exists() or source.startswith((".", "/", "~")):
        also = f"; probabilities are read from {', '.join(FILE_SUFFIXES)} files" if folder.is_file() else ""
        raise UserError(f"teacher {source!r} is not a folder with a Hugging Face model (it has no config.json){also}")
    name, _, revision = source.partition("@")
    revision = revision or "main"
    commit = _commit_on_this_machine(name, revision)
    if commit is None:
        if os.environ.get("HF_HUB_OFFLINE") == "1":
            raise UserError(
                f"teacher {source!r} is not on this machine and HF_HUB_OFFLINE is set; get it where there is internet "
                f"(hf download {name}), or {_CHOICES}"
            )
        commit = _commit_on_the_hub(source, name, revision)
    return PinnedSource(name, commit, None)


def teacher_identity(source: str) -> str:
    """Stands for a teacher in a fingerprint: a hash of a folder's files or of a file, hub id and commit, or version.

    Raises:
        UserError: for a hub id that is neither on this machine nor to be had from the hub.
    """
    if file := file_of(source):
        return file_digest(file)[:16]
    if registered_version(source):
        return source
    folder, members = Path(source), member_sources(source)
    if len(members) > 1:
        return fingerprint(*map(teacher_identity, members))
    if not folder.is_dir():
        return source if source == SCRATCH else str(pinned_source(source))
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _READ_SUFFIXES:
            digest.update(path.name.encode())
            digest.update(bytes.fromhex(file_digest(path)))
    return digest.hexdigest()[:16]


def _check_files(source: str, folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.suffix in _READ_SUFFIXES and path.is_file():
            with path.open("rb") as file:
                if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
                    raise UserError(
                        f"teacher {source!r}: {path.name} is a git-lfs pointer and not the file itself; "
                        "run `git lfs pull` in that folder"
                    )


def _commit_on_this_machine(name: str, revision: str) -> str | None:
    from huggingface_hub import try_to_load_from_cache  # here and below, because it is slow to import
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(name, "config.json", revision=revision)
    except HFValidationError:
        return None
    return Path(path).parent.name if isinstance(path, str) else None


def _commit_on_the_hub(source: str, name: str, revision: str) -> str:
    from huggingface_hub import hf_hub_download, model_info
    from huggingface_hub.errors import (
        HFValidationError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        # Asked first, since it gives up within seconds where there is no hub.
        model_info(name, revision=revision, timeout=_HUB_TIMEOUT_S)
        # Fetched by branch or tag, and not by commit, so that the cache knows which commit that was.
        return Path(hf_hub_download(name, "config.json", revision=revision)).parent.name
    except RevisionNotFoundError as error:
        raise UserError(f"teacher {source!r}: {name} has no commit, branch or tag {revision!r} on the hub") from error
    except RemoteEntryNotFoundError as error:
        raise UserError(f"teacher {source!r} is no model that transformers can load: it has no config.json") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UserError(f"unknown teacher {source!r}: the hub has no such model; {_CHOICES}") from error
    except Exception as error:  # whatever its HTTP client raises for a hub that does not answer
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"teacher {source!r} is not on this machine and the hub does not answer ({reason}); {_CHOICES}"
        raise UserError(message) from error
