"""A predictor reads the files of its bundle, each as it was written, and nothing else."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from kdops.deploy.predictor import _READ_FIRST, BundleError, Predictor, read_info
from kdops.task import Task


@pytest.fixture
def copy(bundles: dict[Task, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundles[Task.TEXT], tmp_path / "copy"))


@pytest.fixture
def vouch(redescribe: Callable[..., None]) -> Callable[..., None]:
    """Puts names into the description's files, each with the sha256 of what lies there."""

    def put(folder: Path, files: dict[str, str]) -> None:
        redescribe(folder, files=json.loads((folder / "bundle.json").read_text())["files"] | files)

    return put


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "name", ["../secret", "{absolute}", "link", "pipe", ".", "..", "", "sub/secret", "a\0b", "\ud800"]
)
def test_a_name_that_leads_elsewhere_is_refused(copy: Path, name: str, vouch: Callable[..., None]) -> None:
    secret = copy.parent / "secret"
    secret.write_text("secret")
    if name == "link":
        (copy / "link").symlink_to(secret)
    elif name == "pipe":
        os.mkfifo(copy / "pipe")
    elif name == "sub/secret":
        (copy / "sub").mkdir()
        (copy / "sub" / "secret").write_text("secret")
    vouch(copy, {name.format(absolute=secret): sha256(secret)})
    with pytest.raises(BundleError, match=r"not an ordinary file|embedded null|surrogates not allowed"):
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


def move_a_weight(graph: Path, target: Path, location: str) -> None:
    """Put the largest weight of a graph into a file of its own, which the graph names by `location`."""
    model = onnx.load(str(graph))
    weight = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    target.write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    graph.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("location", ["../weights", "{absolute}"])
def test_data_of_the_graph_outside_the_folder_is_refused(copy: Path, location: str, vouch: Callable[..., None]) -> None:
    outside = copy.parent / "weights"
    move_a_weight(copy / "model.onnx", outside, location.format(absolute=outside))
    vouch(copy, {"model.onnx": sha256(copy / "model.onnx")})
    with pytest.raises(BundleError, match="External data path"):
        Predictor.load(copy)


def test_data_of_the_graph_in_the_folder_must_be_listed(copy: Path, vouch: Callable[..., None]) -> None:
    expected = Predictor.load(copy).predict(["enak"])
    move_a_weight(copy / "model.onnx", copy / "weights", "weights")
    vouch(copy, {"model.onnx": sha256(copy / "model.onnx")})
    with pytest.raises(BundleError, match=r"weights: sha256 is .*, but bundle\.json says nothing of it"):
        Predictor.load(copy)
    vouch(copy, {"weights": sha256(copy / "weights")})
    assert Predictor.load(copy).predict(["enak"]) == expected
    (copy / "weights").write_bytes(bytes((copy / "weights").stat().st_size))
    with pytest.raises(BundleError, match="weights: sha256 is"):
        Predictor.load(copy)


def add_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def add_folder(folder: Path) -> None:
    (folder / "notes").mkdir()


def add_link(folder: Path) -> None:
    (folder / "notes").symlink_to(folder / "model.onnx")


@pytest.mark.parametrize("add", [add_file, add_folder, add_link])
def test_whatever_is_not_listed_is_refused(copy: Path, add: Callable[[Path], None]) -> None:
    add(copy)
    with pytest.raises(BundleError, match="notes"):
        Predictor.load(copy)


@pytest.mark.parametrize(
    "changes", [{"labels": ["negative", "neutral", "positive"]}, {"max_length": 3}, {"licence": "mine"}]
)
def test_a_changed_description_is_noticed(
    copy: Path, changes: dict[str, object], redescribe: Callable[..., None]
) -> None:
    path, written = copy / "bundle.json", Predictor.load(copy).info.digest
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(BundleError, match=r"bundle\.json: wrong digest"):
        Predictor.load(copy)
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "digest"}))
    with pytest.raises(BundleError, match=r"bundle\.json: wrong digest"):
        Predictor.load(copy)
    # Who means it can do it: this shows only beside a digest that was kept elsewhere.
    redescribe(copy, **changes)
    assert Predictor.load(copy).info.digest != written


def test_another_layout_of_the_same_description_is_no_change(copy: Path) -> None:
    path = copy / "bundle.json"
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text()).items()))))
    assert Predictor.load(copy).predict(["enak"])


def test_a_description_without_its_digest_is_refused(copy: Path) -> None:
    path = copy / "bundle.json"
    content = json.loads(path.read_text())
    del content["digest"]
    path.write_text(json.dumps(content))
    with pytest.raises(BundleError, match="wrong digest"):
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
    (copy / "bundle.json").write_text(json.dumps({"format_version": 3, "shape": "unknown"}))
    with pytest.raises(BundleError, match="format 3, but this predictor reads 2"):
        read_info(copy)


def test_a_vocabulary_that_is_longer_than_the_models_is_refused(copy: Path, vouch: Callable[..., None]) -> None:
    content = json.loads((copy / "tokenizer.json").read_text())
    content["model"]["vocab"]["zzz"] = len(content["model"]["vocab"])
    (copy / "tokenizer.json").write_text(json.dumps(content))
    vouch(copy, {"tokenizer.json": sha256(copy / "tokenizer.json")})
    with pytest.raises(BundleError, match="cannot be used"):
        Predictor.load(copy)


def test_of_a_long_text_no_more_is_read_than_decides(copy: Path) -> None:
    predictor = Predictor.load(copy)
    limit = _READ_FIRST * predictor.info.max_length
    # A long word is one unknown piece, its beginning several: the last text decides between them at its limit.
    cut = "enak " * 120 + " " * (limit - 650) + "x" * 120 + " nasi"
    assert predictor._tokenizer.encode(cut[:limit]).ids[:125] != predictor._tokenizer.encode(cut).ids[:125]
    texts = ["nasi goreng " * 10_000, " " * 20_000 + "enak", "enak " * 127, "x" * 20_000, "enak\n" * 9_000, cut]
    for text, encoded in zip(texts, predictor.encode(texts), strict=True):
        whole = predictor._tokenizer.encode(text)
        assert (encoded.ids, encoded.truncated) == (whole.ids, bool(whole.overflowing))


def test_a_tokenizer_that_loads_and_then_fails_is_refused(copy: Path, vouch: Callable[..., None]) -> None:
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    special = tokenizer["post_processor"]["special_tokens"]
    special["[CLX]"] = special.pop("[CLS]")
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    vouch(copy, {"tokenizer.json": sha256(copy / "tokenizer.json")})
    with pytest.raises(BundleError, match="cannot be used: no entry found for key"):
        Predictor.load(copy)
