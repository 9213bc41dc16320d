# SPDX-License-Identifier: Apache-2.0
"""Networks with an If, Loop or Scan whose subgraphs read tensors of the outer graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper, parser

from tests.generated.harness import Case

__all__ = ["Draw", "draw", "draw_ids", "draw_refused"]

WIDTH, LENGTH = 4, 3
DEEPEST = 3  # layers of neurons: what codes leave out adds up


@dataclass(frozen=True)
class Draw:
    """A network that cannot be converted, and what the refusal must name: the op and the node."""

    model: onnx.ModelProto
    op: str
    node: str


class _Text:
    """The text of a network; graphs inside it are text, too."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.count = 0
        self.weights: dict[str, np.ndarray] = {}
        self.layers: dict[str, int] = {}  # by tensor: how many layers of neurons there are before it, at most

    def fresh(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def weight(self, value: object, kind: type = np.float32) -> str:
        self.weights[f"w{len(self.weights)}"] = np.asarray(value, kind)
        return f"w{len(self.weights) - 1}"

    def layer(self, x: str, lines: list[str]) -> str:
        """A product, a bias, an activation: what a branch or the network may hold."""
        matrix = self.weight(self.rng.standard_normal((WIDTH, WIDTH)) * 0.7)
        bias = self.weight(self.rng.uniform(-0.2, 0.2, WIDTH))
        a, b, c = self.fresh(), self.fresh(), self.fresh()
        self.layers[c] = self.layers.get(x, 0) + 1
        lines += [f"{a} = MatMul ({x}, {matrix})", f"{b} = Add ({a}, {bias})", f"{c} = Relu ({b})"]
        return c

    def model(self, lines: list[str], inputs: str, outputs: str, opset: int) -> onnx.ModelProto:
        body = "\n".join(lines)
        text = f'<ir_version: 8, opset_import: ["": {opset}]> g ({inputs}) => ({outputs}) {{ {body} }}'
        model = parser.parse_model(text)
        model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in self.weights.items())
        onnx.checker.check_model(model)
        return model


def _decided(text: _Text, x: str, lines: list[str], opset: int) -> str:
    """A condition that shapes and constants decide."""
    name, rng = text.fresh(), text.rng
    match rng.integers(6):
        case 0:
            return text.weight(bool(rng.integers(2)), np.bool_)
        case 1:  # the rank
            lines += [f"s{name} = Shape ({x})", f"r{name} = Size (s{name})"]
            lines.append(f"{name} = Equal (r{name}, {text.weight(rng.integers(2, 5), np.int64)})")
        case 2:  # a fixed axis
            lines += [f"s{name} = Shape ({x})", f"r{name} = Gather (s{name}, {text.weight(2, np.int64)})"]
            lines.append(f"{name} = Greater (r{name}, {text.weight(rng.integers(2, 6), np.int64)})")
        case 3:  # a cut of the shape, and arithmetic
            one, two = (text.weight([v], np.int64) for v in (1, 3))
            lines += [f"s{name} = Shape ({x})", f"c{name} = Slice (s{name}, {one}, {two})"]
            lines += [f"p{name} = ReduceProd <keepdims = 0> (c{name})"]
            lines.append(f"{name} = Less (p{name}, {text.weight(rng.integers(8, 16), np.int64)})")
        case 4:  # of two, one is enough
            false = text.weight(False, np.bool_)
            lines += [f"s{name} = Shape ({x})", f"b{name} = Gather (s{name}, {text.weight(0, np.int64)})"]
            lines += [f"e{name} = Equal (b{name}, {text.weight(1, np.int64)})"]  # the batch is open
            lines.append(f"{name} = And (e{name}, {false})")
        case _:
            lines += [f"s{name} = Shape ({x})", f"r{name} = Gather (s{name}, {text.weight([1], np.int64)})"]
            lines += [f"e{name} = Equal (r{name}, {text.weight([LENGTH], np.int64)})"]
            lines += [f"q{name} = Squeeze (e{name})", f"{name} = Not (q{name})"]
    return name


def _branch(text: _Text, seen: list[str], depth: int, opset: int) -> str:
    """Nodes that make a tensor of those `seen`, all of one shape."""
    lines: list[str] = []
    rng = text.rng
    current = seen[rng.integers(len(seen))]
    for _ in range(int(rng.integers(1, 3))):
        current = _stage(text, [*seen, current], lines, depth, opset)
    result = text.fresh()
    lines.append(f"{result} = Identity ({current})")
    stored = ""
    if rng.random() < 0.3:  # the branch has a weight of its own, called as one of the other branch is
        stored = f"<float[{WIDTH}] own = {{{', '.join(f'{v:.3f}' for v in rng.uniform(0.5, 1.5, WIDTH))}}}>"
        lines[-1] = f"{result} = Mul ({current}, own)"
    return f"b{text.fresh()} () => (float[N, {LENGTH}, {WIDTH}] {result}) {stored} {{ {' '.join(lines)} }}"


def _stage(text: _Text, seen: list[str], lines: list[str], depth: int, opset: int) -> str:
    """Add a layer, a sum or an If."""
    rng = text.rng
    kind = rng.integers(4)
    if depth and kind >= 2:
        condition = _decided(text, seen[-1], lines, opset)
        result = text.fresh()
        branches = [_branch(text, seen, depth - 1, opset) for _ in range(2)]
        lines.append(f"{result} = If ({condition}) <then_branch = {branches[0]}, else_branch = {branches[1]}>")
        text.layers[result] = max(text.layers.values())
        return result
    if kind == 0 or text.layers[seen[-1]] >= DEEPEST:
        result = text.fresh()
        text.layers[result] = max(text.layers[name] for name in seen)
        lines.append(f"{result} = Add ({seen[rng.integers(len(seen))]}, {seen[-1]})")
        return result
    return text.layer(seen[-1], lines)


def _io() -> tuple[str, str]:
    shape = f"float[N, {LENGTH}, {WIDTH}]"
    return f"{shape} x", f"{shape} y"


def draw(rng: np.random.Generator) -> Case:
    """Every If is decided by shapes and constants."""
    text, lines, opset = _Text(rng), [], int(rng.choice([13, 17, 21]))
    seen = [text.layer("x", lines)]
    for _ in range(int(rng.integers(2, 4))):
        seen.append(_stage(text, seen, lines, 2, opset))
    lines.append(f"y = MatMul ({seen[-1]}, {text.weight(rng.standard_normal((WIDTH, WIDTH)) * 0.7)})")
    model = text.model(lines, *_io(), opset)
    feeds = {"x": rng.standard_normal((8, LENGTH, WIDTH)).astype(np.float32)}
    return Case(model, feeds, "\n".join(lines))


def draw_ids(rng: np.random.Generator) -> Case:
    """Token ids, among which the length of the sequence chooses, or which a Scan shifts."""
    text, size = _Text(rng), 6
    table, matrix = text.weight(rng.standard_normal((size, WIDTH))), text.weight(rng.standard_normal((WIDTH, 3)))
    most, axis = text.weight(size - 1, np.int64), text.weight([1], np.int64)
    if rng.random() < 0.5:
        limit, one = text.weight(rng.integers(2, 6), np.int64), text.weight(1, np.int64)
        lines = ["s = Shape (i)", f"n = Gather (s, {one})", f"c = Greater (n, {limit})"]
        first = "t () => (int64[N, L] p) { p = Identity (i) }"
        second = f"e () => (int64[N, L] q) {{ q = Sub ({most}, i) }}"
        lines.append(f"k = If (c) <then_branch = {first}, else_branch = {second}>")
    else:
        body = f"b (int64[N] h, int64[N] e) => (int64[N] j, int64[N] o) {{ j = Identity (e) o = Sub ({most}, h) }}"
        attrs = "num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1]"
        lines = [f"first = Gather <axis = 1> (i, {text.weight(0, np.int64)})"]
        lines.append(f"last, k = Scan <{attrs}, body = {body}> (first, i)")
    lines += [f"e = Gather ({table}, k)", f"m = ReduceMean <keepdims = 0> (e, {axis})", "h = Relu (m)"]
    lines.append(f"y = MatMul (h, {matrix})")
    model = text.model(lines, "int64[N, L] i", "float[N, 3] y", 21)
    ids = rng.integers(0, size, (8, int(rng.integers(2, 8)))).astype(np.int64)
    return Case(model, {"i": ids}, "\n".join(lines))


def draw_refused(rng: np.random.Generator) -> Draw:
    """The values or open axes of the input choose, or a loop works on activations."""
    text, lines, opset = _Text(rng), [], int(rng.choice([13, 17, 21]))
    seen = [text.layer("x", lines)]
    shape = f"float[N, {LENGTH}, {WIDTH}]"
    branches = [_branch(text, seen, int(rng.integers(2)), opset) for _ in range(2)]
    chosen = f"<then_branch = {branches[0]}, else_branch = {branches[1]}>"
    match rng.integers(5):
        case 0:  # a value
            lines += [f"m = ReduceMax <keepdims = 0> ({seen[-1]})", f"c = Greater (m, {text.weight(0.5)})"]
            op, line = "If", f"z = If (c) {chosen}"
        case 1:  # the batch
            lines += [f"s = Shape ({seen[-1]})", f"m = Gather (s, {text.weight(0, np.int64)})"]
            lines += [f"c = Greater (m, {text.weight(2, np.int64)})"]
            op, line = "If", f"z = If (c) {chosen}"
        case 2:  # a loop
            inner: list[str] = []
            result = text.layer("v", inner)
            body = f"l (int64 i, bool g, {shape} v) => (bool d, {shape} o) {{ d = Identity (g) {' '.join(inner)} "
            body += f"o = Identity ({result}) }}"
            op, line = "Loop", f"z = Loop ({text.weight(2, np.int64)}, , {seen[-1]}) <body = {body}>"
        case 3:  # a loop that reads activations from outside
            body = f"l (int64 i, bool g, {shape} v) => (bool d, {shape} o) {{ d = Identity (g) "
            body += f"a = Add (v, {seen[-1]}) o = Relu (a) }}"
            zeros = text.weight(np.zeros((1, LENGTH, WIDTH)))
            op, line = "Loop", f"z = Loop ({text.weight(2, np.int64)}, , {zeros}) <body = {body}>"
        case _:
            inner = []
            result = text.layer("p", inner)
            body = f"b (float[N, {WIDTH}] h, float[N, {WIDTH}] e) => (float[N, {WIDTH}] k, float[N, {WIDTH}] o) "
            body += f"{{ p = Add (h, e) {' '.join(inner)} k = Identity ({result}) o = Identity ({result}) }}"
            lines.append(
                f"f = ReduceMean <axes = [1], keepdims = 0> ({seen[-1]})"
                if opset < 18
                else f"f = ReduceMean <keepdims = 0> ({seen[-1]}, {text.weight([1], np.int64)})"
            )
            attrs = "num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1]"
            op, line = "Scan", f"last, z = Scan <{attrs}, body = {body}> (f, {seen[-1]})"
    lines += [line, "y = Relu (z)"]
    model = text.model(lines, *_io(), opset)
    for node in model.graph.node:
        if node.op_type == op:
            node.name = "the_node"
    return Draw(model, op, "the_node")
