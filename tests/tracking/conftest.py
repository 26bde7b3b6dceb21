"""A tracking store to write to, and tiny hand-made bundles."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from servers import answering, free_port
from tokenizers import Tokenizer, models, pre_tokenizers

from kdops.deploy.predictor import BundleInfo
from kdops.task import ASPECT_MARK, Task
from kdops.tracking import runs

_LABELS = {
    Task.TEXT: ("positive", "negative"),
    Task.MULTI_LABEL: ("positive", "negative"),
    Task.ASPECTS: (f"food{ASPECT_MARK}good", f"food{ASPECT_MARK}bad"),
    Task.TOKEN: ("B-LOC", "O"),
}


@pytest.fixture
def connected(tracking_uri: str) -> str:
    runs.connect()
    return tracking_uri


@pytest.fixture
def closed() -> str:
    """An address where nothing answers."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def guarded() -> Iterator[str]:
    """The address of a server that knows nobody's password."""
    with answering(lambda _, path: 200 if path == "/health" else 401) as address:
        yield address


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Path]:
    """Writes a bundle that knows two words: `bagus` is positive (or a place), `buruk` negative (or outside)."""

    def make(task: Task = Task.TEXT, name: str = "bundle", *, pairs: bool = False) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        words = {"[PAD]": 0, "[UNK]": 1, "bagus": 2, "buruk": 3}
        tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.save(str(folder / "tokenizer.json"))
        onnx.save(_graph(task), folder / "model.onnx")
        info = BundleInfo(
            task=task,
            labels=_LABELS[task],
            max_length=16,
            pad_id=0,
            student="bilstm",
            dataset="sample",
            licence="Apache-2.0",
            teacher="scratch",
            recipe="kd",
            precision="fp32",
            main_metric="f1_entity_macro" if task is Task.TOKEN else "f1_macro",
            main_metric_value=0.8,
            fingerprint="0123456789abcdef",
            thresholds=(0.5, 0.5) if task is Task.MULTI_LABEL else (),
            pairs=pairs,
            files={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())},
        )
        (folder / "bundle.json").write_text(json.dumps(asdict(info)), encoding="utf-8")
        return folder

    return make


def _graph(task: Task) -> onnx.ModelProto:
    """Each word votes for a label; a text has the sum of its words' votes."""
    votes = np.array([[0, 0], [0, 0.1], [5, 0], [0, 5]], dtype=np.float32)
    weights = [numpy_helper.from_array(votes, "votes")]
    if task is not Task.TOKEN:
        weights.append(numpy_helper.from_array(np.array([1]), "positions"))
        nodes = [
            helper.make_node("Gather", ["votes", "input_ids"], ["words"]),
            helper.make_node("ReduceSum", ["words", "positions"], ["logits"], keepdims=0),
        ]
    else:
        nodes = [helper.make_node("Gather", ["votes", "input_ids"], ["logits"])]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "pieces"])
        for name in ("input_ids", "attention_mask")
    ]
    shape = ["texts", "pieces", 2] if task is Task.TOKEN else ["texts", 2]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
