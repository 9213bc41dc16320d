# SPDX-License-Identifier: Apache-2.0
"""The passes, in the order they run."""

from __future__ import annotations

from collections.abc import Mapping

from snncc.coding import Coding
from snncc.passes.base import Pass
from snncc.passes.correct_potentials import Correction, CorrectPotentials
from snncc.passes.encode_input import EncodeInput
from snncc.passes.fold_batchnorm import FoldBatchNorm
from snncc.passes.fuse_residual import FuseResidual
from snncc.passes.insert_scales import InsertScales
from snncc.passes.lift_scales import LiftScales
from snncc.passes.lower_relu import LowerRelu
from snncc.passes.remove_identity import RemoveIdentity
from snncc.passes.simplify_arithmetic import SimplifyArithmetic
from snncc.passes.sink_scales import SinkScales
from snncc.passes.split_clip import SplitClip
from snncc.scales import Scales

__all__ = ["PASSES", "finishing", "lowering", "normalisation", "preparation"]


def preparation() -> tuple[Pass, ...]:
    """What comes before calibration: after it, every neuron-to-be is a Relu, with a ceiling (Min) behind it or not."""
    return (
        RemoveIdentity(),  # exporters' leftovers hide what stands next to what
        SimplifyArithmetic(),  # one spelling each for sums and factors
        SplitClip(),  # ReLU6 is a ReLU with a ceiling
    )


def normalisation(scales: Scales) -> tuple[Pass, ...]:
    """What comes after calibration: the same ReLU network, with neurons of threshold 1."""
    neurons = {} if scales.normalize == "none" else scales.neurons
    return (
        FoldBatchNorm(),  # fewer linear ops between two neurons
        InsertScales(neurons),  # every ReLU between 1/λ and λ
        LiftScales(),  # 1/λ into the synapses in front
        SinkScales(),  # λ into the synapses behind
    )


def lowering(coding: Coding, scales: Scales) -> tuple[Pass, ...]:
    """From a normalised ReLU network to a spiking one."""
    own = scales.neurons if scales.normalize == "none" else {}
    return (
        LowerRelu(coding, own),  # ReLUs become neurons
        EncodeInput(coding, scales.inputs),  # the input becomes spikes
    )


def finishing(corrections: Mapping[str, Correction]) -> tuple[Pass, ...]:
    """What is done to the spiking network: x -> gain (x + offset) for each potential, then fusion."""
    return (
        CorrectPotentials(corrections),  # what the calibration data says that they lack
        LiftScales(),  # their gains into the synapses in front
        SinkScales(),  # and, on shortcuts, together with the factor there
        FuseResidual(),  # shortcuts end in the neuron
    )


PASSES: dict[str, type[Pass]] = {
    p.name: p
    for p in (
        RemoveIdentity,
        SimplifyArithmetic,
        SplitClip,
        FoldBatchNorm,
        InsertScales,
        LiftScales,
        SinkScales,
        LowerRelu,
        EncodeInput,
        CorrectPotentials,
        FuseResidual,
    )
}
