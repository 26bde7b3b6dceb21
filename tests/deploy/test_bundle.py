import hashlib
import json
import stat
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from kdops.deploy.bundle import write_bundle
from kdops.deploy.predictor import BundleInfo, Predictor, read_info
from kdops.errors import UserError
from kdops.task import Task


class Refuses(nn.Module):
    """Breaks in the middle of an export."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        raise ArithmeticError("no")


def test_what_is_written_is_read_back(bundles: dict[Task, Path], info: Callable[..., BundleInfo]) -> None:
    for task, folder in bundles.items():
        read = read_info(folder)
        assert replace(read, files={}) == info(task)
        assert json.loads((folder / "bundle.json").read_text())["digest"] == read.digest
        assert sorted(path.name for path in folder.iterdir()) == ["bundle.json", "model.onnx", "tokenizer.json"]
        assert read.files == {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.onnx", "tokenizer.json")
        }


def test_the_description_is_plain_json(bundles: dict[Task, Path]) -> None:
    content = json.loads((bundles[Task.TEXT] / "bundle.json").read_text(encoding="utf-8"))
    assert content["task"] == "text-classification"
    assert content["labels"] == ["positive", "neutral", "negative"]
    assert content["format_version"] == 2


def test_the_digest_is_of_all_the_content(info: Callable[..., BundleInfo]) -> None:
    one = info(Task.TEXT)
    assert one.digest == info(Task.TEXT).digest
    later = ("digest", "word_pattern", "thresholds", "pairs")
    content = {key: value for key, value in asdict(one).items() if key not in later}
    assert one.digest == hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    changes: list[dict[str, Any]] = [{"labels": one.labels[::-1]}, {"files": {"model.onnx": "0"}}, {"licence": "mine"}]
    assert len({one.digest, *(replace(one, **change).digest for change in changes)}) == 4


def test_what_is_written_now_is_of_the_present_format(
    tmp_path: Path, student: Callable[..., nn.Module], tokenizer: Tokenizer, info: Callable[..., BundleInfo]
) -> None:
    old = replace(info(Task.TEXT), format_version=1)
    write_bundle(tmp_path / "bundle", model=student(Task.TEXT), tokenizer=tokenizer, info=old)
    assert read_info(tmp_path / "bundle").format_version == 2


def test_a_bundle_is_replaced_whole_and_leaves_nothing_beside(
    tmp_path: Path, student: Callable[..., nn.Module], tokenizer: Tokenizer, info: Callable[..., BundleInfo]
) -> None:
    folder = tmp_path / "deep" / "bundle"
    write_bundle(folder, model=student(Task.TEXT), tokenizer=tokenizer, info=info(Task.TEXT))
    (folder / "leftover").write_text("old")
    assert write_bundle(folder, model=student(Task.TOKEN), tokenizer=tokenizer, info=info(Task.TOKEN)) == folder
    assert Predictor.load(folder).info.task == Task.TOKEN
    assert not (folder / "leftover").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_a_failed_export_leaves_the_old_bundle(
    tmp_path: Path, student: Callable[..., nn.Module], tokenizer: Tokenizer, info: Callable[..., BundleInfo]
) -> None:
    folder = tmp_path / "bundle"
    write_bundle(folder, model=student(Task.TEXT), tokenizer=tokenizer, info=info(Task.TEXT))
    with pytest.raises(ArithmeticError):
        write_bundle(folder, model=Refuses(), tokenizer=tokenizer, info=info(Task.TEXT))
    assert Predictor.load(folder).predict(["halo"])
    assert [path.name for path in tmp_path.iterdir() if "bundle" in path.name] == ["bundle"]


def test_a_folder_of_something_else_is_not_replaced(
    tmp_path: Path, student: Callable[..., nn.Module], tokenizer: Tokenizer, info: Callable[..., BundleInfo]
) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "only_copy.txt").write_text("precious")
    with pytest.raises(UserError, match="thesis holds something that is not a bundle"):
        write_bundle(folder, model=student(Task.TEXT), tokenizer=tokenizer, info=info(Task.TEXT))
    assert (folder / "only_copy.txt").read_text() == "precious"


def test_training_settings_of_the_tokenizer_stay_out_of_the_bundle(
    tmp_path: Path, student: Callable[..., nn.Module], tokenizer: Tokenizer, info: Callable[..., BundleInfo]
) -> None:
    busy = Tokenizer.from_str(tokenizer.to_str())
    busy.enable_truncation(3)
    busy.enable_padding(length=9)
    write_bundle(tmp_path / "bundle", model=student(Task.TEXT), tokenizer=busy, info=info(Task.TEXT))
    assert busy.truncation is not None
    assert busy.padding is not None
    saved = json.loads((tmp_path / "bundle" / "tokenizer.json").read_text(encoding="utf-8"))
    assert (saved["truncation"], saved["padding"]) == (None, None)


def test_others_may_read_a_bundle(bundles: dict[Task, Path]) -> None:
    # A server runs as someone else: the temporary folder's private mode must not survive.
    ordinary = bundles[Task.TEXT].parent / "ordinary"
    ordinary.mkdir()
    assert stat.S_IMODE(bundles[Task.TEXT].stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)
