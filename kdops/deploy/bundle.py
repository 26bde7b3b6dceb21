"""The bundle: one folder with all that a model needs in production, and nothing that must be unpickled."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from kdops.deploy.predictor import (
    FORMAT_VERSION,
    GRAPH_FILE,
    INFO_FILE,
    TOKENIZER_FILE,
    BundleInfo,
    Inputs,
    Predictor,
    read_info,
)
from kdops.deploy.tolerances import GateError, Parity
from kdops.errors import UserError
from kdops.metrics import Gold
from kdops.task import Task
from kdops.workspace import file_digest, written_whole

if TYPE_CHECKING:
    from torch import nn

FP32, INT8 = "fp32", "int8"


def write_bundle(folder: Path, *, model: "nn.Module", tokenizer: Tokenizer, info: BundleInfo) -> Path:
    """Export a model and write its bundle.

    The folder appears whole or not at all; a bundle that is already there is replaced.

    Args:
        folder: Where the bundle goes.
        model: See `kdops.deploy.onnx.export`.
        tokenizer: What turns text into the model's tokens, special ones included.
        info: The content of `bundle.json`; its `files` and `format_version` are filled in here.

    Returns:
        The folder.

    Raises:
        UserError: The folder holds something that is not a bundle.
        ExportError: The graph differs from the model.
    """
    from kdops.deploy.onnx import export

    with _replacing(folder) as fresh:
        export(model, fresh / GRAPH_FILE, Task(info.task), max_length=info.max_length)
        # A copy, free of what the caller set for training: length and padding are the predictor's business.
        tokenizer = Tokenizer.from_str(tokenizer.to_str())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.save(str(fresh / TOKENIZER_FILE), pretty=False)
        _describe(fresh, info)
    return folder


def write_int8_bundle(folder: Path, source: Path, inputs: Inputs, gold: Gold) -> Parity:
    """Write the int8 form of an fp32 bundle, if it passes its gate on real texts.

    Activations are quantised too; where that does not pass, the weights only.

    Args:
        folder: Where it goes; it appears whole or not at all.
        source: The fp32 bundle.
        inputs: Validation texts, or lists of words.
        gold: Their label names, or tags.

    Returns:
        How far it is from the fp32 bundle; `check_int8` says what passes.

    Raises:
        UserError: The folder holds something that is not a bundle.
        GateError: It is too far from the fp32 bundle, either way.
        ValueError: There is nothing to compare.
    """
    from kdops.deploy.parity import check_int8
    from kdops.deploy.quantize import quantize

    original = Predictor.load(source)
    info = replace(original.info, precision=INT8)
    with _replacing(folder) as fresh:
        shutil.copyfile(source / TOKENIZER_FILE, fresh / TOKENIZER_FILE)
        for weights_only in (False, True):
            quantize(source / GRAPH_FILE, fresh / GRAPH_FILE, weights_only=weights_only)
            _describe(fresh, info)
            parity = check_int8(original, Predictor.load(fresh), inputs, gold)
            if parity.passed:
                break
        else:
            raise GateError(f"{info.student} for {info.dataset} cannot be int8", parity)
        _describe(fresh, replace(info, main_metric_value=parity.metric))
    return parity


def write_ungated_int8_bundle(folder: Path, source: Path) -> Path:
    """Write the int8 form of an fp32 bundle without its gate, to be measured beside others and not to be deployed.

    Args:
        folder: where it goes; it appears whole or not at all.
        source: the fp32 bundle.

    Returns:
        The folder.

    Raises:
        UserError: the folder holds something that is not a bundle.
    """
    from kdops.deploy.quantize import quantize

    with _replacing(folder) as fresh:
        shutil.copyfile(source / TOKENIZER_FILE, fresh / TOKENIZER_FILE)
        quantize(source / GRAPH_FILE, fresh / GRAPH_FILE)
        _describe(fresh, replace(read_info(source), precision=INT8))
    return folder


def _describe(folder: Path, info: BundleInfo) -> None:
    """Write `bundle.json`, with the SHA-256 of the other files and its own digest."""
    files = {path.name: file_digest(path) for path in sorted(folder.iterdir()) if path.name != INFO_FILE}
    info = replace(info, files=files, format_version=FORMAT_VERSION)
    content = json.dumps(info.content, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / INFO_FILE).write_text(content + "\n", encoding="utf-8")


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of a bundle, or of nothing, when all went well and vanishes when not."""
    if folder.exists() and not (folder / INFO_FILE).exists() and any(folder.iterdir()):
        raise UserError(f"{folder} holds something that is not a bundle; it will not be replaced")
    with written_whole(folder) as fresh:
        fresh.mkdir()
        yield fresh
