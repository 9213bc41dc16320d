# SPDX-License-Identifier: Apache-2.0
"""The passes, in the order they run."""

from __future__ import annotations

from collections.abc import Mapping

from snncc.bound_forms import Forms
from snncc.coding import Coding
from snncc.passes.base import Pass
from snncc.passes.batch_first import BatchFirst
from snncc.passes.bounds_to_relus import BoundsToRelus
from snncc.passes.correct_potentials import Correction, CorrectPotentials
from snncc.passes.doubt_spikes import DoubtSpikes
from snncc.passes.encode_input import EncodeInput
from snncc.passes.even_tables import EvenTables
from snncc.passes.fold_batchnorm import FoldBatchNorm
from snncc.passes.free_weights import FreeWeights
from snncc.passes.fuse_gelu import FuseGelu
from snncc.passes.fuse_residual import FuseResidual
from snncc.passes.insert_scales import InsertScales
from snncc.passes.keep_islands import KeepIslands
from snncc.passes.lift_scales import LiftScales
from snncc.passes.linear_pieces import LinearPieces
from snncc.passes.lower_activations import LowerActivations
from snncc.passes.lower_recurrent import LowerRecurrent
from snncc.passes.lower_relu import LowerRelu
from snncc.passes.merge_relus import MergeRelus
from snncc.passes.note_rows import NoteRows
from snncc.passes.pool_spikes import PoolSpikes
from snncc.passes.pools_behind_relus import PoolsBehindRelus
from snncc.passes.quantise_weights import QuantiseWeights
from snncc.passes.raise_thresholds import RaiseThresholds
from snncc.passes.read_out import ReadOut
from snncc.passes.repeat_currents import RepeatCurrents
from snncc.passes.round_weights import RoundWeights
from snncc.passes.sink_scales import SinkScales
from snncc.passes.spelling import spelling
from snncc.passes.spike_messages import SpikeMessages
from snncc.passes.split_clip import SplitClip
from snncc.passes.split_leaky import SplitLeaky
from snncc.passes.stacked_sizes import StackedSizes
from snncc.passes.step_through import StepThrough
from snncc.scales import Confidence, Scales

__all__ = ["FOLDS", "PASSES", "WEIGHTS", "finishing", "lowering", "normalisation", "preparation", "rounding", "storing"]

FOLDS = ("weights", "threshold")
WEIGHTS = ("float", "int8", "int8-tensor")


def preparation(coding: Coding, bounds: Forms | None = None) -> tuple[Pass, ...]:
    """What comes between `spelling` and calibration; `bounds` is how bounds are made of neurons, by node.

    After it, neurons-to-be are ReLUs, with a ceiling (Min) behind them or not, or send both signs.
    """
    return (
        BatchFirst(),  # between recurrent layers, too
        FuseGelu(),  # one op each for activations
        LinearPieces(),  # and ReLUs for what consists of such
        BoundsToRelus(bounds or {}),  # bounds are sums of ReLUs
        MergeRelus(),  # some of them of ReLUs' results
        SplitClip(),  # ReLU6 is a ReLU with a ceiling
        SplitLeaky(),  # and a leaky ReLU two of opposite polarity
        SpikeMessages(coding.signed_neurons),  # what graph convolutions pass on spikes as well
        *((PoolsBehindRelus(),) if coding.pools_spikes else ()),  # pools choose among neurons
    )


def normalisation(scales: Scales, fold_bn: str = "weights") -> tuple[Pass, ...]:
    """What comes after calibration: the same ReLU network, with neurons of threshold 1, or of their own thresholds."""
    if fold_bn == "threshold":
        return (
            FoldBatchNorm(spare_neurons=True),  # on the way into a sum there is no neuron
            LiftScales(),  # factors that the network itself has
            SinkScales(),
            FreeWeights(),  # the neurons' own, in front of them
            FoldBatchNorm(),  # whatever these do not take
        )
    neurons = {} if scales.normalize == "none" else scales.neurons
    return (
        FoldBatchNorm(),  # fewer linear ops between two neurons
        InsertScales(neurons),  # every ReLU between 1/λ and λ
        LiftScales(),  # 1/λ into the synapses in front
        SinkScales(),  # λ into the synapses behind
    )


def lowering(
    coding: Coding, scales: Scales, *, anytime: bool = False, stepwise: bool = False, gates: int | None = None
) -> tuple[Pass, ...]:
    """From a normalised ReLU network to a spiking one: for a whole run, or what single steps are made of.

    `gates` is the number of time steps of a gate of a recurrent layer; None: what suits the coding.
    """
    in_pieces = coding.slices > 1
    coding = coding.stepwise if stepwise else coding
    own = scales.neurons if scales.normalize == "none" else {}
    rows = NoteRows(coding.slices)
    return (
        rows,  # as long as they can be measured
        LowerRelu(coding, own, scales.choices),  # ReLUs become neurons
        *((LowerActivations(coding, scales.potentials),) if coding.activations else ()),  # so do their relatives
        EncodeInput(coding, scales.inputs),  # the input becomes spikes
        KeepIslands(coding, scales.analog, in_pieces, anytime),  # what is left stays as it is
        RepeatCurrents(coding.slices, rows.rows),  # or a constant current, where that meets steps
        StackedSizes(coding.slices),  # sizes are those of samples
        PoolSpikes(coding.slices if coding.pools_spikes else 1),  # windows send what their largest rate adds
        ReadOut(coding, anytime),  # steps become the output
        EvenTables(),  # the neurons of an op share its body
        LowerRecurrent(*_gates(coding, gates, scales), scales.potentials),  # gates become neurons, too
    )


def _gates(coding: Coding, wanted: int | None, scales: Scales) -> tuple[int, int]:
    """Steps of a gate, and the length of its tables, that of all other few-spikes neurons."""
    steps, length = coding.gates(wanted)
    own = [choice.steps or 0 for choice in scales.choices.values()] if coding.few_spikes else []
    return steps, max([length, *own])


def finishing(
    corrections: Mapping[str, Correction],
    confidence: Mapping[str, Confidence],
    *,
    seed: int = 0,
    fuse: bool = True,
    fold_bn: str = "weights",
) -> tuple[Pass, ...]:
    """What is done to the spiking network: x -> gain (x + offset) for each potential, doubts, then fusion."""
    own = fold_bn == "threshold"
    return (
        *((DoubtSpikes(confidence, seed),) if confidence else ()),  # early spikes that calibration found misleading
        CorrectPotentials(corrections),  # what the calibration data says that they lack
        *((RaiseThresholds(),) if own else ()),  # their gains, and BatchNormalization's, into thresholds
        LiftScales(),  # their gains into the synapses in front
        *(() if own else (SinkScales(),)),  # and, on shortcuts, together with the factor there
        *((FuseResidual(),) if fuse else ()),  # shortcuts end in the neuron
    )


def rounding(weights: str) -> tuple[Pass, ...]:
    """What comes before potentials are matched, so that what rounding of weights does to them is made up for, too."""
    return (RoundWeights(),) if weights == "int8" else ()


def storing(weights: str) -> tuple[Pass, ...]:
    """How the weights of the finished network are stored: one of `WEIGHTS`."""
    return () if weights == "float" else (QuantiseWeights(per_channel=weights == "int8"),)


PASSES: dict[str, type[Pass]] = {each.name: type(each) for each in spelling()} | {
    p.name: p
    for p in (
        SplitClip,
        FoldBatchNorm,
        InsertScales,
        LiftScales,
        SinkScales,
        LowerRelu,
        EncodeInput,
        CorrectPotentials,
        FuseResidual,
        PoolsBehindRelus,
        NoteRows,
        RepeatCurrents,
        StackedSizes,
        PoolSpikes,
        ReadOut,
        StepThrough,
        DoubtSpikes,
        EvenTables,
        FuseGelu,
        SplitLeaky,
        SpikeMessages,
        LowerActivations,
        KeepIslands,
        BatchFirst,
        BoundsToRelus,
        LinearPieces,
        LowerRecurrent,
        RoundWeights,
        QuantiseWeights,
        FreeWeights,
        RaiseThresholds,
    )
}
