# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.coding.scales import LayerSettings
from snncc.ir.graph import Graph
from snncc.ops import get
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.lower.pad_tables import PadTables
from snncc.passes.manager import PassManager

FLAT = "net (float[N,4] x) => (float[N,4] y) { a = Relu (x) b = Neg (a) c = Add (b, x) y = Relu (c) }"


@pytest.mark.parametrize("coding", [snncc.Phase(T=6, Q=1.5), snncc.FS(K=6)], ids=["phase", "fs"])
def test_added_steps_stay_idle(build, coding):
    graph = Graph.from_proto(build(FLAT, {}))
    short = next(iter(graph.nodes("Relu"))).name
    PassManager([LowerRelu(coding, choices={short: LayerSettings(steps=3)})]).run(graph)
    neurons = [n for n in graph.nodes() if "thresholds" in n.attrs]
    before = [dict(n.attrs) for n in neurons]
    assert [len(attrs["thresholds"]) for attrs in before] == [3, 6]
    PassManager([PadTables()]).run(graph)
    assert [len(n.attrs["thresholds"]) for n in neurons] == [6, 6]
    assert neurons[1].attrs == before[1]
    x = np.linspace(-1, 3, 4001, dtype=np.float32)
    reference = get(neurons[0].op).reference
    for wanted, found in zip(
        reference([x, np.ones(1, np.float32)], before[0]),
        reference([x, np.ones(1, np.float32)], neurons[0].attrs),
        strict=True,
    ):
        np.testing.assert_array_equal(found, wanted)
    assert PadTables().run(graph) == 0
