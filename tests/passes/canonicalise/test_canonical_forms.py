# SPDX-License-Identifier: Apache-2.0
"""Canonical forms of whole networks: a second run of all passes changes nothing."""

from __future__ import annotations

from snncc.ir.graph import Graph
from snncc.passes.manager import PassManager
from snncc.passes.pipeline import canonicalisation
from tests.passes.canonicalise.form_networks import CONSTANTS


def test_a_network_is_spelled_once(build, ops) -> None:
    """A second time there is nothing left to do."""
    body = """a = Sub (x, half) b = Max (a, zero) c1, d = Split <axis = 1, num_outputs = 2> (b) e = Min (c1, d)
        f = Neg (e) y = Clip (f, minus, half)"""
    graph = Graph.from_proto(build(f"net (float[N,4] x) => (float[N,2] y) {CONSTANTS} {{ {body} }}", {}))
    graph.infer_shapes()
    PassManager(canonicalisation(), verify=True).run(graph)
    again = PassManager(canonicalisation(), verify=True).run(graph)
    assert not any(count for _, count in again.rewrites)
    assert not set(ops(graph.to_proto())) & {"Sub", "Max", "Split", "Neg"}
