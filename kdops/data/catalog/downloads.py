"""Public files on this machine: fetched once over https, checked against their sha256, kept."""

import logging
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlsplit

from kdops.data.catalog.card import RemoteFile
from kdops.errors import UserError
from kdops.workspace import file_digest, home, written_whole

HOST = "https://raw.githubusercontent.com"
MIRROR_VARIABLE = "KDOPS_DATA_MIRROR"
_TIMEOUT_S = 10.0
_CHUNK_BYTES = 1 << 20

_log = logging.getLogger(__name__)


def fetch(file: RemoteFile) -> Path:
    """The file's path on this machine; downloads it when it is not there yet.

    Raises:
        UserError: when nobody answers, or the bytes are not the expected ones.
    """
    target = home() / "downloads" / file.address
    # the name holds the commit and nothing unchecked is ever put here, but disks and people do change files
    if not target.is_file() or file_digest(target) != file.sha256:
        _download(file, target)
    return target


def _download(file: RemoteFile, target: Path) -> None:
    with written_whole(target) as part:
        address = _copy(file, part)
        found = file_digest(part)
        if found != file.sha256:
            raise UserError(
                f"{address}: sha256 is {found}, expected {file.sha256}; the file there is not the one kdops knows"
            )


def _copy(file: RemoteFile, part: Path) -> str:
    """Copy the file from the mirror or the host to `part`; returns the address it came from."""
    base = os.environ.get(MIRROR_VARIABLE) or HOST
    if urlsplit(base).scheme not in ("http", "https"):
        path = Path(base).expanduser() / file.address
        try:
            with path.open("rb") as source:
                _drain(source, part)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; {MIRROR_VARIABLE}={base} must hold the host's files") from None
        return str(path)
    address = f"{base.rstrip('/')}/{quote(file.address)}"
    _log.info("downloading %s (%.1f MB)", address, file.size_bytes / 1e6)
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as source:
            _drain(source, part)
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"cannot download {address}: {reason}; without a network, set {MIRROR_VARIABLE} to a folder or URL "
            "that holds the host's files as OWNER/REPOSITORY/COMMIT/PATH"
        ) from None
    return address


def _drain(source: BinaryIO, part: Path) -> None:
    with part.open("wb") as sink:
        while chunk := source.read(_CHUNK_BYTES):
            sink.write(chunk)
