"""Whatever a bundle or an input holds, the predictor answers or refuses; `KDOPS_FUZZ_EXAMPLES` asks for more of it."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kdops.deploy.predictor import BundleError, Predictor, TokenPrediction, read_info
from kdops.task import Task

BOTH = [Task.TEXT, Task.TOKEN]
fuzz = settings(
    max_examples=int(os.environ.get("KDOPS_FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)
any_text = st.text(alphabet=st.characters(codec=None), max_size=80)


@pytest.fixture
def copies(bundles: dict[Task, Path], tmp_path: Path) -> dict[Task, Path]:
    return {task: Path(shutil.copytree(folder, tmp_path / task)) for task, folder in bundles.items()}


def load_or_refuse(folder: Path) -> None:
    try:
        predictor = Predictor.load(folder)
    except BundleError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        predictor.predict(["Budi di Jakarta", "", "nasi " * 300])


@fuzz
@given(data=st.data(), task=st.sampled_from(BOTH))
def test_any_value_in_the_description(
    copies: dict[Task, Path],
    bundles: dict[Task, Path],
    data: st.DataObject,
    task: Task,
    redescribe: Callable[..., None],
) -> None:
    content: dict[str, Any] = json.loads((bundles[task] / "bundle.json").read_text())
    names = data.draw(st.lists(st.sampled_from(sorted(content)), min_size=1, max_size=2))
    for name in names:
        content[name] = data.draw(anything)
    redescribe(copies[task], **content)
    load_or_refuse(copies[task])


@fuzz
@given(content=st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_any_description(copies: dict[Task, Path], content: bytes) -> None:
    (copies[Task.TEXT] / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError):
        read_info(copies[Task.TEXT])


@fuzz
@given(
    data=st.data(),
    task=st.sampled_from(BOTH),
    name=st.sampled_from(["model.onnx", "tokenizer.json"]),
)
def test_any_damage_that_the_description_vouches_for(
    copies: dict[Task, Path],
    bundles: dict[Task, Path],
    data: st.DataObject,
    task: Task,
    name: str,
    redescribe: Callable[..., None],
) -> None:
    content = bytearray((bundles[task] / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))]
    (copies[task] / name).write_bytes(content)
    info = json.loads((bundles[task] / "bundle.json").read_text())
    redescribe(copies[task], files=info["files"] | {name: hashlib.sha256(content).hexdigest()})
    try:
        load_or_refuse(copies[task])
    except Exception as error:  # a graph that computes something else may fail on some text, never on its own
        assert "onnxruntime" in type(error).__module__ or isinstance(error, ValueError), error  # noqa: PT017
    finally:
        shutil.copyfile(bundles[task] / name, copies[task] / name)


@fuzz
@given(
    inputs=st.lists(anything | any_text | st.lists(any_text, max_size=5), max_size=4),
    task=st.sampled_from(BOTH),
)
def test_any_input(predictors: dict[Task, Predictor], inputs: list[Any], task: Task) -> None:
    try:
        predictions = predictors[task].predict(inputs)
    except TypeError as error:
        assert str(error).startswith("input ")  # noqa: PT017
        return
    assert len(predictions) == len(inputs)
    for prediction in predictions:
        if isinstance(prediction, TokenPrediction):
            assert len(prediction.words) == len(prediction.tags)
