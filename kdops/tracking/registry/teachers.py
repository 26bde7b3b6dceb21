"""Registered models as teachers: the version that an address names, and its Hugging Face folder on this machine."""

import logging
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from kdops.errors import UserError
from kdops.fingerprint import fingerprint
from kdops.models.teachers.sources import MEMBER, REGISTERED, registered_version
from kdops.tracking import artifacts, server, store
from kdops.workspace import find_or_make

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_log = logging.getLogger(__name__)

_NAMED = re.compile(REGISTERED + r"([^/@]+)(?:@([^/@]+)|/(\d+)(?:@([0-9a-f]+))?)")
_MARK_DIGITS = 8
# The folders that `mlflow.transformers` writes, and its name among the flavors of a model.
_FLAVOR, _WEIGHTS, _TOKENIZER = "transformers", "model", Path("components", "tokenizer")
_DOWNLOADED = "downloaded"


def at_hand(address: str) -> str:
    """The registered version that an address names, its files fetched to this machine unless they are there.

    Args:
        address: as MLflow writes it: `models:/reviews@champion`, `models:/reviews/3`; or what this function gave.

    Returns:
        The version, with a mark of its registry: `models:/reviews/3@1f3a9c2b`.

    Raises:
        UserError: if there is no such version, it cannot be had, or it holds no model of Hugging Face's.
    """
    import mlflow

    server.check(mlflow.get_registry_uri())
    version, mark = _version(address)
    source = f"{REGISTERED}{version.name}/{version.version}"
    marked = f"{source}@{fingerprint(version.creation_timestamp, version.source)[:_MARK_DIGITS]}"
    if mark and marked != address:
        raise UserError(f"teacher {address!r} is a version of another registry than {mlflow.get_registry_uri()}")
    piece = registered_version(marked)
    assert piece is not None
    find_or_make(piece, lambda folder: _fetch(source, folder))
    if not mark:
        _log.info("teacher %s is version %s: %s", address, version.version, marked)
    return marked


def _version(address: str) -> "tuple[ModelVersion, str | None]":
    from mlflow.exceptions import MlflowException

    named = _NAMED.fullmatch(address)
    if named is None:
        raise UserError(f"teacher {address!r}: give a registered model as models:/name@alias or models:/name/3")
    model, alias, number, mark = named.groups()
    try:
        if alias:
            return store.client().get_model_version_by_alias(model, alias), None
        return store.client().get_model_version(model, number), mark
    except MlflowException as error:
        raise UserError(f"no teacher {address!r}: {store.one_line(error)}") from error


def _fetch(source: str, folder: Path) -> None:
    """Fill a folder with a model as `save_pretrained` writes it: weights, configuration and tokenizer side by side."""
    whole = artifacts.download(source, folder / _DOWNLOADED)
    for part in _parts(source, whole):
        for path in part.iterdir() if part.is_dir() else ():
            if not (folder / path.name).exists():
                path.rename(folder / path.name)
    shutil.rmtree(whole)
    if not any(path.name == "config.json" or path.name.startswith(MEMBER) for path in folder.iterdir()):
        raise UserError(f"teacher {source!r} holds no Hugging Face model (it has no config.json)")


def _parts(source: str, whole: Path) -> list[Path]:
    """The folders of a registered model that hold what `from_pretrained` reads."""
    from mlflow.models import Model

    if not (whole / "MLmodel").is_file():  # a folder of files that was registered as it is, such as a run's teacher
        return [whole]
    flavors = Model.load(str(whole)).flavors
    if _FLAVOR not in flavors:
        found = ", ".join(flavors)
        raise UserError(f"teacher {source!r} is a model of {found}; give one that mlflow.transformers logged")
    if not (whole / _WEIGHTS / "config.json").is_file():
        of_hub = flavors[_FLAVOR].get("source_model_name", "another place")
        raise UserError(f"teacher {source!r} holds no weights, which are those of {of_hub}; give that")
    return [whole / _WEIGHTS, whole / _TOKENIZER]
