# SPDX-License-Identifier: Apache-2.0
"""Networks and helpers that tests of several passes share."""

from __future__ import annotations

import snncc
from snncc.ir.graph import Graph
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.time.note_rows import NoteRows
from snncc.passes.time.repeat_constant_currents import RepeatConstantCurrents

RATE = snncc.Rate(T=4, signed=False)


CONSTANTS = "<float[1,1,4] c = {1,2,3,4}, int64[1] four = {4}, int64[1] one = {1}, int64[1] m = {-1}>"


# A constant for each sample, and one for each place, which all samples share.
ROWS = f"""net (float[N,L,4] x) => (float[N,L,4] y) {CONSTANTS} {{
    r = Relu (x) s = Shape (r) p = Expand (c, s) q = Tanh (p)
    l = Shape <start = 1, end = 2> (r) o = Concat <axis = 0> (one, l, four) z = Expand (c, o)
    a = Add (r, q) y = Mul (a, z) }}"""


def graph_of(build, body: str, sizes=None) -> Graph:
    graph = Graph.from_proto(build(body, sizes or {}))
    graph.infer_shapes()
    return graph


def stacked_network(build, body: str) -> Graph:
    graph = graph_of(build, body)
    noted = NoteRows(RATE.slices)
    noted.run(graph)
    LowerRelu(RATE).run(graph)
    RepeatConstantCurrents(RATE.slices, noted.rows).run(graph)
    return graph
