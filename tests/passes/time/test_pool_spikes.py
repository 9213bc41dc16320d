# SPDX-License-Identifier: Apache-2.0
"""Tests of pool-spikes."""

from __future__ import annotations

from snncc.passes.time.pool_spikes import PoolSpikes
from tests.passes.time.time_networks import lowered


def test_pools_choose_who_has_sent_most(build, ops) -> None:
    body = "net (float[N,1,4,4] x) => (float[N,1,2,2] y) { r = Relu (x) "
    body += "y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r) }"
    graph = lowered(build, body=body, sizes={})
    assert PoolSpikes(4).run(graph) == 1
    assert ops(graph.to_proto()) == ["Tile", "IFNeuron", "RunningTotal", "MaxPool", "Increase"]
