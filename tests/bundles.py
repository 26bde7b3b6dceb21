"""Made-up costs, and bundles of a known size, made without torch: the mean of a text's embeddings, nothing else."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from kdops.measure.costs import Cost

COST = Cost(
    latency_p50_ms=2,
    latency_p95_ms=3,
    latency_p99_ms=4,
    throughput_per_s=500,
    cpu_ms_per_text=2,
    ram_peak_mb=80,
    ram_model_mb=20,
    storage_mb=4,
    load_ms=50,
    cold_start_ms=400,
    parameters=1000,
)

WORDS = ["[PAD]", "[UNK]", "nasi", "goreng", "enak", "tidak", ",", "dan", "tapi", "ini"]


def _graph(pieces: int, width: int, labels: int) -> onnx.ModelProto:
    generator = np.random.default_rng(0)
    weights = {
        "table": generator.standard_normal((pieces, width), dtype=np.float32),
        "head": generator.standard_normal((width, labels), dtype=np.float32),
        "axes": np.array([1], dtype=np.int64),
        "scale": np.array(2.0, dtype=np.float32),
        "last": np.array([-1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["embedded"]),
        helper.make_node("Unsqueeze", ["attention_mask", "last"], ["mask"]),
        helper.make_node("Cast", ["mask"], ["weight"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["embedded", "weight"], ["real"]),
        helper.make_node("ReduceSum", ["real", "axes"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "head"], ["logits"]),
    ]
    shape = ["batch", "sequence"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "mean", inputs, [output], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def write_mean_bundle(folder: Path, pieces: int = 10, width: int = 4, labels: Sequence[str] = ("bad", "good")) -> Path:
    folder.mkdir()
    onnx.save(_graph(pieces, width, len(labels)), str(folder / "model.onnx"))
    tokenizer = Tokenizer(WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    info = {
        "task": "text-classification",
        "labels": list(labels),
        "max_length": 32,
        "pad_id": 0,
        "main_metric": "f1_macro",
        "main_metric_value": 0.5,
        "format_version": 2,
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()},
        **dict.fromkeys(["student", "dataset", "licence", "teacher", "recipe", "precision", "fingerprint"], "nothing"),
    }
    digest = hashlib.sha256(json.dumps(info, sort_keys=True).encode()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(info | {"digest": digest}))
    return folder
