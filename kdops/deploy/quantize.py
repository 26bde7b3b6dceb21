"""Quantisation: from an fp32 graph to one with weights of 8 bits."""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from kdops.deploy.onnx import optimise

# Convolutions stay out: onnxruntime's integer convolution takes several times as long as its fp32 one.
_QUANTIZED = ("MatMul", "LSTM")
# Smaller weights stay as they are: they save nothing, and the last layer's rounding would be seen in every logit.
_FEWEST_WEIGHTS = 16_384
_INT8_MAX = 127


def quantize(source: Path, target: Path, *, weights_only: bool = False) -> None:
    """Write an fp32 graph again with weights of 8 bits.

    Embedding tables are kept as int8 with one scale per row, symmetric, and looked up as int8, so the table needs a
    quarter of the memory too; only the rows of a text become fp32. Matrix products and LSTMs are onnxruntime's dynamic
    quantisation: int8 weights with one scale per column, activations brought to 8 bits as they come, with one scale per
    batch. Weights use 7 of their 8 bits: where the CPU has no VNNI, products of two full ranges overflow, which costs
    accuracy and makes the same model differ between machines.

    Pretrained encoders have a few huge activations, beside which one scale leaves nothing of the others. With
    `weights_only` the graph leaves activations alone: as small, nearly exact, but slower than fp32. (Newer releases of
    onnxruntime still bring them to 8 bits, with one scale for each 32 values of a token.)

    Args:
        source: The fp32 graph, as `kdops.deploy.onnx.export` writes it.
        target: The file to write.
        weights_only: Whether activations are left alone; so are the weights of LSTMs then.
    """
    with TemporaryDirectory() as temporary:
        simple, halfway = Path(temporary) / "simple.onnx", Path(temporary) / "halfway.onnx"
        optimise(source, simple)  # it need not have been when the source was written
        model = onnx.load(str(simple))
        _quantize_tables(model.graph)
        if weights_only:
            _quantize_weights(model.graph)
            onnx.save(model, str(target))
            return
        add_pre_process_metadata(model)
        onnx.save(model, str(halfway))
        quantize_dynamic(
            halfway,
            target,
            op_types_to_quantize=list(_QUANTIZED),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(_too_small(model.graph)),
        )


def _quantize_tables(graph: onnx.GraphProto) -> None:
    """Replace each look-up in a large fp32 table by one in an int8 table, times the row's scale."""
    tables = {tensor.name: tensor for tensor in graph.initializer if _is_large_matrix(tensor)}
    nodes: list[NodeProto] = []
    for node in graph.node:
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        nodes += [node] if table is None else _int8_look_up(node)
    looked_up = {node.input[0] for node in graph.node if node.op_type == "Gather"} & tables.keys()
    for name in looked_up:
        values, scales = _rows_as_int8(numpy_helper.to_array(tables[name]))
        graph.initializer.remove(tables[name])
        graph.initializer.append(numpy_helper.from_array(values, f"{name}_int8"))
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scale"))
    del graph.node[:]
    graph.node.extend(nodes)


def _quantize_weights(graph: onnx.GraphProto) -> None:
    """Keep the large weights of matrix products as int8, one scale per column, made fp32 when they are needed."""
    weights = {tensor.name: tensor for tensor in graph.initializer if _is_large_matrix(tensor)}
    nodes: list[NodeProto] = []
    for node in graph.node:
        name = node.input[1] if node.op_type == "MatMul" else ""
        if name in weights:
            # A weight may be read twice.
            if f"{name}_int8" not in {tensor.name for tensor in graph.initializer}:
                values, scales = _rows_as_int8(numpy_helper.to_array(weights[name]).T)
                graph.initializer.remove(weights[name])
                graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values.T), f"{name}_int8"))
                graph.initializer.append(numpy_helper.from_array(scales[:, 0], f"{name}_scale"))
                parts = [f"{name}_int8", f"{name}_scale"]
                nodes.append(helper.make_node("DequantizeLinear", parts, [f"{name}_fp32"], f"{name}_fp32", axis=1))
            node.input[1] = f"{name}_fp32"
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _int8_look_up(gather: NodeProto) -> list[NodeProto]:
    table, rows = gather.input
    (found,) = gather.output
    # DequantizeLinear has no scale per row for the result of a Gather; a Cast and a product do the same.
    return [
        helper.make_node("Gather", [f"{table}_int8", rows], [f"{found}_int8"], f"{found}_int8"),
        helper.make_node("Gather", [f"{table}_scale", rows], [f"{found}_scale"], f"{found}_scale"),
        helper.make_node("Cast", [f"{found}_int8"], [f"{found}_unscaled"], f"{found}_unscaled", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{found}_unscaled", f"{found}_scale"], [found], f"{found}_scaled"),
    ]


def _rows_as_int8(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Values (rows, width) in -127..127, and the scale of each row, (rows, 1)."""
    largest = np.abs(table).max(axis=1, keepdims=True)
    # A row of zeros has any scale.
    scales = np.where(largest > 0, largest / _INT8_MAX, 1).astype(np.float32)
    return np.rint(table / scales).astype(np.int8), scales


def _too_small(graph: onnx.GraphProto) -> Iterator[str]:
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights and not _is_large_matrix(weights[node.input[1]]):
            yield node.name


def _is_large_matrix(tensor: TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2 and prod(tensor.dims) >= _FEWEST_WEIGHTS
