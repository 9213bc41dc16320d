# SPDX-License-Identifier: Apache-2.0
"""Tests of one-float-type."""

from __future__ import annotations

import pytest

from snncc.ir.graph import Graph
from snncc.passes.canonicalise.unify_float_type import UnifyFloatType

MIXED = "a = Cast <to = 11> (x) b = Add (a, c) r = Relu (b) y = Cast <to = 1> (r)"
CONSTANT = "<double[4] c = {0.5, -0.25, 1.0, 2.0}>"


def test_a_network_of_one_input_type_has_that_type(build, apply, ops) -> None:
    model = build(f"net (float[N,4] x) => (float[N,4] y) {CONSTANT} {{ {MIXED} }}", {})
    count, after = apply(UnifyFloatType(), model, equivalent=False)
    assert count == 2
    assert ops(after) == ["Add", "Relu"]
    assert after.graph.output[0].type.tensor_type.elem_type == 1


def test_the_outputs_stay_near(build, apply, assert_equivalent) -> None:
    model = build(f"net (float[N,4] x) => (float[N,4] y) {CONSTANT} {{ {MIXED} }}", {})
    _, after = apply(UnifyFloatType(), model, equivalent=False)
    assert_equivalent(model, after, rtol=1e-4, atol=1e-4)


def test_an_output_of_another_type_is_cast_at_the_end(build, ops) -> None:
    body = "r = Relu (x) h = Cast <to = 11> (r) y = Neg (h)"
    model = build(f"net (float[N,4] x) => (double[N,4] y) {{ {body} }}", {})
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    for _ in range(2):  # the second run replaces that Cast by itself
        assert UnifyFloatType().run(graph) == 1
        graph.infer_shapes()
        after = graph.to_proto()
        assert ops(after) == ["Relu", "Neg", "Cast"]
        assert after.graph.output[0].type.tensor_type.elem_type == 11


@pytest.mark.parametrize(
    "text",
    [
        "net (float[N,4] x, float16[N,4] z) => (float[N,4] y) { a = Cast <to = 1> (z) y = Add (x, a) }",
        "net (float[N,4] x) => (float[N,4] y) { i = Cast <to = 7> (x) y = Cast <to = 1> (i) }",
        "net (float[N,4] x) => (float[N,4] y) { y = Relu (x) }",
    ],
)
def test_what_does_not_mix_types_or_has_several_input_types_stays(build, apply, text) -> None:
    assert apply(UnifyFloatType(), build(text, {}))[0] == 0
