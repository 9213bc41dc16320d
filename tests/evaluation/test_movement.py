# SPDX-License-Identifier: Apache-2.0
"""Energy of memory accesses in cases that small networks do not reach: large memories, products of activations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snncc.evaluation.energy import FLOAT32, INT8, Costs, Energy, Layer, Sizes, SynapticLayer
from snncc.evaluation.memory_energy import access, movement


@pytest.mark.parametrize(
    ("bits", "elements", "picojoules"),
    [
        (64, 1, 10),
        (32, 2048, 5),  # 8 KiB
        (32, 2049, 10),
        (32, 8192, 10),  # 32 KiB
        (32, 8193, 50),
        (32, 2**18, 50),  # 1 MiB
        (32, 2**18 + 1, 650),
        (8, 2**18 + 1, 12.5),  # as many of 8 bits fit
        (5, 100, 10 * 5 / 64),
    ],
)
def test_larger_memories_cost_more(bits, elements, picojoules):
    assert access(bits, elements) == pytest.approx(picojoules)


def moved(energy: Energy, costs: Costs, *, reuse: bool) -> tuple[float, float, float]:
    found = movement(energy, [], steps=4, bits=3, costs=costs, reuse=reuse)
    assert found is not None
    return found.ann, found.few_bits, found.snn


def test_a_product_of_activations_reads_both_of_them():
    layer = SynapticLayer("product", "MatMul", 60, Sizes(0, 50, 20), analog_macs=60)
    energy = Energy((layer,), (layer,))
    each = access(32, 50)
    assert moved(energy, FLOAT32, reuse=True)[0] == pytest.approx(50 * each + 20 * access(32, 20))
    assert moved(energy, FLOAT32, reuse=False)[0] == pytest.approx(2 * 60 * each + 20 * access(32, 20))


@pytest.mark.parametrize("reuse", [True, False])
def test_analog_layers_move_what_they_move_in_the_ann_at_each_run(reuse):
    layer = SynapticLayer("conv", "Conv", 600, Sizes(300, 50, 20), analog_macs=600)
    once, thrice = (Energy((layer,), (replace(layer, analog_macs=runs * 600),)) for runs in (1, 3))
    ann, few, snn = moved(once, INT8, reuse=reuse)
    assert few < ann == pytest.approx(snn)
    assert moved(thrice, INT8, reuse=reuse)[2] == pytest.approx(3 * snn)


def test_an_ann_never_has_more_bits_than_the_arithmetic():
    energy = Energy((Layer("conv", "Conv", 600, Sizes(300, 50, 20)),), ())
    found = movement(energy, [], steps=4, bits=24, costs=INT8, reuse=True)
    assert found is not None
    assert found.few_bits == pytest.approx(found.ann)


def test_recurrent_layers_are_not_worked_out():
    energy = Energy((Layer("lstm", "LSTM", 600, None),), ())
    assert movement(energy, [], steps=4, bits=3, costs=FLOAT32, reuse=True) is None
