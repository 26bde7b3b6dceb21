"""Adapters (PEFT) beside a model: merged into its weights where peft is installed, never ignored."""

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from kdops.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CONFIG = "adapter_config.json"
_MERGE = "merge it first: PeftModel.from_pretrained(model, folder).merge_and_unload().save_pretrained(...)"


def check_adapter(source: str, folder: Path) -> None:
    """Find out whether the adapter in a folder, if there is one, can be loaded.

    Raises:
        UserError: if its model is not there, or peft is not installed.
    """
    if not (folder / CONFIG).is_file():
        return
    if not (folder / "config.json").is_file():
        raise UserError(f"teacher {source!r} is an adapter without its model; {_MERGE}")
    if importlib.util.find_spec("peft") is None:
        raise UserError(f"teacher {source!r} has an adapter beside its model: pip install peft, or {_MERGE}")


@contextmanager
def without_adapter(folder: Path) -> Iterator[Path]:
    """The same folder without its adapter, which transformers would put between the layers of the model."""
    with TemporaryDirectory() as temporary:
        for path in folder.iterdir():
            if not path.name.startswith("adapter_"):
                (Path(temporary) / path.name).symlink_to(path.resolve())
        yield Path(temporary)


def merged(model: "PreTrainedModel", folder: Path) -> "PreTrainedModel":
    """A model with the adapter of a folder merged into its weights."""
    from peft import PeftModel

    whole: PreTrainedModel = PeftModel.from_pretrained(model, folder).merge_and_unload()
    return whole


def replaced_modules(folder: Path) -> tuple[str, ...]:
    """The modules that an adapter holds whole, such as the head."""
    return tuple(json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("modules_to_save") or ())
