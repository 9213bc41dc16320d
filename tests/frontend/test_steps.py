# SPDX-License-Identifier: Apache-2.0
"""Steps of the import: unique names, and idempotence."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from snncc.frontend.import_model import GRAPH_STEPS, MODEL_STEPS, Step, run_steps
from snncc.io.large_models import outline
from snncc.ir.graph import Graph

MLP = "g (float[N, 4] x) => (float[N, 3] y) { c = MatMul(x, W) r = Relu(c) y = MatMul(r, V) }"
SIZES = {"W": (4, 5), "V": (5, 3)}
NETWORKS = {
    "plain": (MLP, {}),
    "old": (
        """g (float[N,2,3,3] x) => (float[N,2,6,6] y)
        { u = Upsample <mode = "nearest"> (x, scales) r = Clip <min = 0.0, max = 6.0> (u)
          d = Dropout <ratio = 0.5> (r) y = Add (d, d) }""",
        {"opset": 9, "ir": 3, "scales": np.float32([1, 1, 2, 2])},
    ),
    "one sample": (
        "g (float[1,2,2] x) => (float[1,3] y) <int64[1] flat = {4}, int64[2] row = {1, 3}> "
        "{ f = Reshape (x, flat) h = MatMul (f, W) r = Relu (h) y = Reshape (r, row) }",
        {"W": (4, 3)},
    ),
    "branches": (
        """g (float[N,4] x) => (float[N,4] y) <bool c = {1}> { y = If (c) <
        then_branch = t () => (float[N,4] p) { p = Relu (x) },
        else_branch = e () => (float[N,4] q) { q = Neg (x) }> }""",
        {},
    ),
    "groups": (
        "g (float[N,4,3] x) => (float[N,4,3] y) "
        "{ n = GroupNormalization <num_groups = 2> (x, scale, bias) y = Relu (n) }",
        {"opset": 18, "scale": (2,), "bias": (2,)},
    ),
    "double": (
        "g (double[N,4] x) => (double[N,4] y) { r = Relu (x) y = Mish (r) }",
        {"opset": 18},
    ),
    "recurrent": (
        "g (float[N,5,4] x) => (float[5,1,N,6] y) "
        "{ t = Transpose <perm = [1,0,2]> (x) y = RNN <hidden_size = 6> (t, W, R) }",
        {"W": (1, 6, 4), "R": (1, 6, 6)},
    ),
    "fused": (
        "g (float[N,4] x) => (float[N,3] y) "
        '{ f = com.microsoft.FusedGemm <activation = "Relu"> (x, W, b) y = Identity (f) }',
        {"domains": ', "com.microsoft": 1', "W": (4, 3), "b": (3,)},
    ),
    "quantised": (
        """g (float[N,4] x) => (float[N,4] y) <float s = {0.1}, uint8 z = {0}>
        { q = QuantizeLinear (x, s, z) d = DequantizeLinear (q, s, z) y = Relu (d) }""",
        {},
    ),
    "numbers": (
        "g (float[N,4] x) => (float[N,4] y) { c = Constant <value_float = 2.0> () m = Mul (x, c) y = Relu (m) }",
        {},
    ),
}


@pytest.mark.parametrize("steps", [MODEL_STEPS, GRAPH_STEPS])
def test_names_of_steps_are_unique(steps: tuple[Step, ...]) -> None:
    assert len({step.name for step in steps}) == len(steps)


@pytest.mark.parametrize("case", NETWORKS)
def test_a_second_run_of_a_step_changes_nothing(network, case: str) -> None:
    text, options = NETWORKS[case]
    model = network(text, **{**({} if case != "plain" else SIZES), **options})
    for step in MODEL_STEPS:
        model = run_steps((step,), model, "net")
        before = onnx.ModelProto.FromString(model.SerializeToString())
        assert run_steps((step,), model, "net") == before, step.name
    graph = Graph.from_proto(model)
    for step in GRAPH_STEPS:
        graph = run_steps((step,), graph, "net")
        first = graph.text()
        assert run_steps((step,), graph, "net").text() == first, step.name


@pytest.mark.parametrize("step", [s for s in MODEL_STEPS if s.outlined], ids=lambda step: step.name)
def test_onnx_is_given_no_large_weight(network, monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    model = network(MLP.replace("4", "700"), opset=13, W=(700, 700), V=(700, 3))
    seen = []
    watched = Step(step.name, lambda sketch, name: (seen.append(sketch), step.run(sketch, name))[1], outlined=True)
    after = run_steps((watched,), model, "net")
    assert [w.name for w in seen[0].graph.initializer] == ["V"]
    assert [w.name for w in after.graph.initializer] == ["W", "V"]
    assert outline(after).graph.input[-1].name == "W"
