# SPDX-License-Identifier: Apache-2.0
"""Tests of doubt-spikes."""

from __future__ import annotations

import snncc
from snncc.coding.scales import SpikeConfidence
from snncc.passes.finalise.apply_spike_confidence import ApplySpikeConfidence
from tests.passes.time.time_networks import lowered


def test_doubts_reach_the_layers_that_calibration_names(build) -> None:
    graph = lowered(build, snncc.MSAT(T=4))
    name = graph.nodes("MSATNeuron")[0].name
    assert ApplySpikeConfidence({"other": SpikeConfidence(0.5, 2)}).run(graph) == 0
    assert ApplySpikeConfidence({name: SpikeConfidence(0.75, 2)}, seed=3).run(graph) == 1
    attributes = graph.nodes("ConfidentMSATNeuron")[0].attrs
    assert (attributes["survival"], attributes["early"]) == (3 * 2**30, 2)


def test_layers_that_calibration_does_not_name_stay(build, skips) -> None:
    graph = lowered(build, snncc.MSAT(T=4))
    assert ApplySpikeConfidence({}).run(graph) == 0
    assert "its spikes are not doubted" in skips()
