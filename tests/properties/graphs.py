# SPDX-License-Identifier: Apache-2.0
"""Random ReLU networks: a hypothesis strategy of valid ONNX models, and what they compute."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from hypothesis import strategies as st

from tests.properties.moves import JOINS, MOVES, POOLS, RECTIFIERS
from tests.properties.net import Net
from tests.properties.synapses import SYNAPSES, Draw

__all__ = ["close", "feeds_of", "relu_graphs", "run"]

_FAMILIES = (RECTIFIERS, SYNAPSES, JOINS, POOLS, MOVES)
_SHAPES = st.one_of(
    st.tuples(st.integers(1, 6)),
    st.tuples(st.integers(1, 4), st.integers(2, 6)),
    st.tuples(st.integers(1, 4), st.integers(2, 6), st.integers(2, 6)),
    st.tuples(st.integers(1, 2), *[st.integers(2, 4)] * 3),
)


@st.composite
def relu_graphs(draw: Draw, most: int = 8) -> onnx.ModelProto:
    """A network of up to `most` layers, one or two inputs, at least one ReLU; every end is an output."""
    net = Net(draw(st.integers(0, 2**16)))
    for _ in range(draw(st.integers(1, 2))):
        net.input(draw(_SHAPES))
    for _ in range(draw(st.integers(2, most))):
        _grow(draw, net, draw(st.sampled_from(net.tensors[:3])))
    if not any(node.op_type == "Relu" for node in net.nodes):
        net.add("Relu", [net.tensors[0]])
    read = {name for node in net.nodes for name in node.input}
    inputs = [name for name in net.inputs if name in read]
    net.inputs = inputs
    made = [name for name in net.shapes if not name.startswith("x")]
    ends = [name for name in made if name not in read]
    if draw(st.integers(0, 3)) == 0:  # what others read may leave, too
        ends += [name for name in [draw(st.sampled_from(made))] if name not in ends]
    return net.model(ends)


def _grow(draw: Draw, net: Net, x: str) -> None:
    shape = net.shapes[x]
    fitting = [[layer for layer, takes in family.items() if takes(shape)] for family in _FAMILIES]
    layers = draw(st.sampled_from([family for family in fitting if family]))
    draw(st.sampled_from(layers))(draw, net, x)


def feeds_of(model: onnx.ModelProto, batch: int = 4, seed: int = 0) -> dict[str, np.ndarray]:
    """Normal inputs."""
    rng = np.random.default_rng(seed)
    sizes = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim[1:]] for i in model.graph.input}
    return {name: rng.normal(0, 1, [batch, *size]).astype(np.float32) for name, size in sizes.items()}


def run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs in plain onnxruntime, its optimisations off."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def close(expected: np.ndarray, found: np.ndarray, tolerance: float) -> None:
    """Assert the same type, shape and values, up to `tolerance` of the largest one; below 1, of 1.

    The networks' weights keep activations near 1, so that small outputs are differences of such.
    """
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert np.isfinite(found).all()
    largest = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * largest)
