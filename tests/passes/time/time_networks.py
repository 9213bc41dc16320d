# SPDX-License-Identifier: Apache-2.0
"""Networks and helpers that tests of several passes share."""

from __future__ import annotations

import snncc
from snncc.coding import Coding
from snncc.ir.graph import Graph
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.time.repeat_constant_currents import RepeatConstantCurrents

RATE = snncc.Rate(T=4, signed=False)


MLP = "net (float[N,4] x) => (float[N,3] y) { a = MatMul (x, W) r = Relu (a) s = Add (r, x) y = MatMul (s, V) }"


SIZES = {"W": (4, 4), "V": (4, 3)}


def lowered(build, coding: Coding = RATE, body: str = MLP, sizes=None) -> Graph:
    graph = Graph.from_proto(build(body, SIZES if sizes is None else sizes))
    graph.infer_shapes()
    LowerRelu(coding).run(graph)
    RepeatConstantCurrents(coding.slices).run(graph)
    return graph
