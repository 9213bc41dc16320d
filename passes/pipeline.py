# SPDX-License-Identifier: Apache-2.0
"""The passes, in the order they run."""

from __future__ import annotations

from snncc.passes.base import Pass
from snncc.passes.encode_input import EncodeInput
from snncc.passes.fold_batchnorm import FoldBatchNorm
from snncc.passes.fuse_residual import FuseResidual
from snncc.passes.insert_scales import InsertScales
from snncc.passes.lift_scales import LiftScales
from snncc.passes.lower_relu import LowerRelu
from snncc.passes.remove_identity import RemoveIdentity
from snncc.passes.sink_scales import SinkScales
from snncc.passes.split_clip import SplitClip

from snncc.coding import Coding
from snncc.scales import Scales

__all__ = ["PASSES", "default_pipeline", "preparation"]


def preparation() -> tuple[Pass, ...]:
    """What comes before calibration: after it, every neuron-to-be is a Relu, with a ceiling (Min) behind it or not."""
    return (
        RemoveIdentity(),  # exporters' leftovers hide what stands next to what
        SplitClip(),  # ReLU6 is a ReLU with a ceiling
    )


def default_pipeline(coding: Coding, scales: Scales) -> tuple[Pass, ...]:
    """All passes from a prepared ReLU network to a spiking one."""
    own = scales.neurons if scales.normalize == "none" else {}
    return (
        FoldBatchNorm(),  # fewer linear ops between two neurons
        InsertScales({} if own else scales.neurons),  # every ReLU between 1/λ and λ
        LiftScales(),  # 1/λ into the synapses in front
        SinkScales(),  # λ into the synapses behind
        LowerRelu(coding, own),  # ReLUs become neurons
        EncodeInput(coding, scales.inputs),  # the input becomes spikes
        FuseResidual(),  # shortcuts end in the neuron
    )


PASSES: dict[str, type[Pass]] = {
    p.name: p
    for p in (
        RemoveIdentity,
        SplitClip,
        FoldBatchNorm,
        InsertScales,
        LiftScales,
        SinkScales,
        LowerRelu,
        EncodeInput,
        FuseResidual,
    )
}
