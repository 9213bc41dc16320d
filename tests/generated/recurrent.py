# SPDX-License-Identifier: Apache-2.0
"""Networks with one recurrent layer: ops, directions, activations and options drawn at random.

Weights of states are such that states are no chaos: what is amplified from step to step is an error of float32, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.generated.harness import Case

__all__ = ["draw"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_CURVES = {"LSTM": ("gate", "state", "state"), "GRU": ("gate", "state"), "RNN": ("state",)}
_SAMPLES = 24


def draw(rng: np.random.Generator) -> Case:
    """A layer between transpositions, or one with layout = 1, and perhaps a dense layer after it."""
    op = str(rng.choice(list(_GATES)))
    sides = int(rng.integers(1, 3))
    length, features, units = (int(n) for n in rng.integers((1, 1, 2), (13, 7, 13)))
    attrs = _attributes(rng, op, sides) | {"hidden_size": units}
    weights = _weights(rng, op, sides, features, units)
    names = ["t", "W", "R", "B" if "B" in weights else ""]
    feeds = {"x": rng.normal(0, 10 ** rng.uniform(-0.7, 0.7), (_SAMPLES, length, features)).astype(np.float32)}
    if rng.random() < 0.25:
        feeds["lengths"] = rng.integers(1, length + 1, _SAMPLES).astype(np.int32)
    names += ["lengths" if "lengths" in feeds else "", "h" if "h" in weights else ""]
    if op == "LSTM":
        names += ["c" if "c" in weights else "", "P" if "P" in weights else ""]
    model = _model(rng, op, names, weights, attrs, (length, sides, features, units))
    onnx.checker.check_model(model)
    return Case(model, feeds, f"{op} {attrs} {sorted(weights)} {sorted(feeds)} {(length, features, units)}")


def _attributes(rng: np.random.Generator, op: str, sides: int) -> dict[str, Any]:
    attrs: dict[str, Any] = {}
    direction = "bidirectional" if sides == 2 else str(rng.choice(["forward", "reverse"]))
    if direction != "forward" or rng.random() < 0.5:
        attrs["direction"] = direction
    if op == "GRU":
        attrs["linear_before_reset"] = int(rng.integers(2))
    if op == "LSTM" and rng.random() < 0.2:
        attrs["input_forget"] = 1
    if rng.random() < 0.2:
        attrs["clip"] = float(10 ** rng.uniform(-0.5, 1))
    if rng.random() < 0.3:
        gates, states = ("Sigmoid", "HardSigmoid"), ("Tanh", "Tanh", "Sigmoid")
        kinds = {"gate": gates, "state": states}
        attrs["activations"] = [str(rng.choice(kinds[kind])) for kind in _CURVES[op] * sides]
    return attrs


def _weights(rng: np.random.Generator, op: str, sides: int, features: int, units: int) -> dict[str, np.ndarray]:
    gates = _GATES[op]
    scale, gain = 10 ** rng.uniform(-1.2, 0.3), rng.uniform(0.1, 0.8)
    found = {
        "W": rng.normal(0, scale, (sides, gates * units, features)),
        "R": rng.normal(0, gain / np.sqrt(units), (sides, gates * units, units)),
    }
    if rng.random() < 0.8:
        found["B"] = rng.normal(0, scale, (sides, 2 * gates * units))
    state = (sides, 1, units)
    if rng.random() < 0.2:
        found["h"] = np.tile(rng.normal(0, 0.5, state), (1, _SAMPLES, 1))
        if op == "LSTM":
            found["c"] = np.tile(rng.normal(0, 0.5, state), (1, _SAMPLES, 1))
    if op == "LSTM" and rng.random() < 0.2:
        found["P"] = rng.normal(0, gain, (sides, 3 * units))
    return {name: value.astype(np.float32) for name, value in found.items()}


def _model(
    rng: np.random.Generator,
    op: str,
    names: list[str],
    weights: dict[str, np.ndarray],
    attrs: dict[str, Any],
    sizes: tuple[int, int, int, int],
) -> onnx.ModelProto:
    length, sides, features, units = sizes
    batch: int | str = _SAMPLES if "h" in weights else "N"
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], "in", perm=[1, 0, 2]),
        helper.make_node(op, names, ["s"], "layer", **attrs),
        helper.make_node("Transpose", ["s"], ["r"], "out", perm=[2, 0, 1, 3]),
    ]
    if rng.random() < 0.5:
        weights = weights | {"M": rng.normal(0, 1, (units, 4)).astype(np.float32)}
        nodes.append(helper.make_node("MatMul", ["r", "M"], ["y"], "dense"))
        units = 4
    else:
        nodes[-1].output[0] = "y"
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, length, features])]
    if "lengths" in names:
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [batch]))
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, length, sides, units])]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "drawn", inputs, outputs, constants)
    opset = int(rng.choice([14, 17, 21]))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
