"""A predictor reads the files of its bundle, each as it was written, and nothing else."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from kdops.deploy.predictor import BundleError, Predictor, read_info
from kdops.task import Task


@pytest.fixture
def copy(bundles: dict[Task, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundles[Task.TEXT], tmp_path / "copy"))


def describe(folder: Path, **files: str) -> None:
    """Put names into the description's files, each with the sha256 of what lies there."""
    path = folder / "bundle.json"
    content = json.loads(path.read_text())
    content["files"] |= files
    path.write_text(json.dumps(content))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "name", ["../secret", "{absolute}", "link", "pipe", ".", "..", "", "sub/secret", "a\0b", "\ud800"]
)
def test_a_name_that_leads_elsewhere_is_refused(copy: Path, name: str) -> None:
    secret = copy.parent / "secret"
    secret.write_text("secret")
    (copy / "link").symlink_to(secret)
    (copy / "sub").mkdir()
    (copy / "sub" / "secret").write_text("secret")
    os.mkfifo(copy / "pipe")
    describe(copy, **{name.format(absolute=secret): sha256(secret)})
    with pytest.raises(BundleError):
        Predictor.load(copy)


@pytest.mark.parametrize("name", ["bundle.json", "model.onnx", "tokenizer.json"])
def test_a_file_that_is_a_link_out_of_the_folder_is_refused(copy: Path, name: str) -> None:
    (copy / name).rename(copy.parent / "elsewhere")
    (copy / name).symlink_to(copy.parent / "elsewhere")
    with pytest.raises(BundleError, match="not an ordinary file in the bundle's own folder"):
        Predictor.load(copy)


def test_a_bundle_behind_a_link_is_read(copy: Path) -> None:
    (copy.parent / "current").symlink_to(copy)
    assert Predictor.load(copy.parent / "current").predict(["enak"])


@pytest.mark.parametrize("location", ["../weights", "{absolute}", "link"])
def test_data_of_the_graph_outside_the_folder_is_refused(copy: Path, location: str) -> None:
    model = onnx.load(str(copy / "model.onnx"))
    weight = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    outside = copy.parent / "weights"
    outside.write_bytes(weight.raw_data)
    (copy / "link").symlink_to(outside)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location.format(absolute=outside))
    (copy / "model.onnx").write_bytes(model.SerializeToString())
    describe(copy, **{"model.onnx": sha256(copy / "model.onnx")})
    with pytest.raises(BundleError, match="External data path"):
        Predictor.load(copy)


@pytest.mark.parametrize("name", ["bundle.json", "model.onnx", "tokenizer.json"])
def test_a_truncated_file_is_refused_in_one_line(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError) as caught:
        Predictor.load(copy)
    assert name in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_newer_format_is_named_whatever_else_it_holds(copy: Path) -> None:
    (copy / "bundle.json").write_text(json.dumps({"format_version": 2, "shape": "unknown"}))
    with pytest.raises(BundleError, match="format 2, but this predictor reads 1"):
        read_info(copy)


def test_a_vocabulary_that_is_longer_than_the_models_is_refused(copy: Path) -> None:
    content = json.loads((copy / "tokenizer.json").read_text())
    content["model"]["vocab"]["zzz"] = len(content["model"]["vocab"])
    (copy / "tokenizer.json").write_text(json.dumps(content))
    describe(copy, **{"tokenizer.json": sha256(copy / "tokenizer.json")})
    with pytest.raises(BundleError, match="cannot be used"):
        Predictor.load(copy)


def test_of_a_long_text_no_more_is_read_than_decides(copy: Path) -> None:
    predictor = Predictor.load(copy)
    texts = ["nasi goreng " * 10_000, " " * 20_000 + "enak", "enak " * 127]
    for text, encoded in zip(texts, predictor.encode(texts), strict=True):
        whole = predictor._tokenizer.encode(text)
        assert (encoded.ids, encoded.truncated) == (whole.ids, bool(whole.overflowing))
