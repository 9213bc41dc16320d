# SPDX-License-Identifier: Apache-2.0
"""List of the passes in execution order."""

from __future__ import annotations

from collections.abc import Mapping

from snncc.coding import Coding
from snncc.coding.bound_forms import Forms
from snncc.coding.scales import PotentialCorrection, Scales, SpikeConfidence
from snncc.ir.graph import Graph
from snncc.passes.base import Pass
from snncc.passes.canonicalise.bounds_to_relu import BoundsToRelu
from snncc.passes.canonicalise.ceilings_behind_relus import CeilingsBehindRelus
from snncc.passes.canonicalise.fold_expanded_constants import FoldExpandedConstants
from snncc.passes.canonicalise.fuse_aggregation import FuseAggregation
from snncc.passes.canonicalise.lower_einsum import LowerEinsum
from snncc.passes.canonicalise.recognise_relu import RecogniseRelu
from snncc.passes.canonicalise.remove_identity import RemoveIdentity
from snncc.passes.canonicalise.remove_redundant_relu import RemoveRedundantRelu
from snncc.passes.canonicalise.settle_masks import SettleMasks
from snncc.passes.canonicalise.simplify_arithmetic import SimplifyArithmetic
from snncc.passes.canonicalise.spell_bounds import SpellBounds
from snncc.passes.canonicalise.split_to_slices import SplitToSlices, TileToConcat
from snncc.passes.canonicalise.unify_float_type import UnifyFloatType
from snncc.passes.canonicalise.where_to_mul import WhereToMul
from snncc.passes.finalise.apply_spike_confidence import ApplySpikeConfidence
from snncc.passes.finalise.correct_potentials import CorrectPotentials
from snncc.passes.finalise.fold_scales_into_thresholds import FoldScalesIntoThresholds
from snncc.passes.finalise.fuse_residual import FuseResidual
from snncc.passes.finalise.quantise_weights import QuantiseWeights
from snncc.passes.legalise.batch_first import BatchFirst
from snncc.passes.legalise.code_values import CodeValues
from snncc.passes.legalise.fuse_gelu import FuseGelu
from snncc.passes.legalise.insert_message_neurons import InsertMessageNeurons
from snncc.passes.legalise.linear_pieces import LinearPieces
from snncc.passes.legalise.relu_before_max_pool import ReluBeforeMaxPool
from snncc.passes.legalise.split_clip import SplitClip
from snncc.passes.legalise.split_leaky_relu import SplitLeakyRelu
from snncc.passes.lower.encode_input import EncodeInput
from snncc.passes.lower.isolate_analog_ops import IsolateAnalogOps
from snncc.passes.lower.lower_activations import LowerActivations
from snncc.passes.lower.lower_recurrent import LowerRecurrent
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.lower.pad_tables import PadTables
from snncc.passes.manager import PassManager
from snncc.passes.normalise.batchnorm_to_threshold import BatchNormToThreshold
from snncc.passes.normalise.fold_batchnorm import FoldBatchNorm
from snncc.passes.normalise.hoist_scales import HoistScales
from snncc.passes.normalise.insert_scales import InsertScales
from snncc.passes.normalise.round_weights import RoundWeights
from snncc.passes.normalise.sink_scales import SinkScales
from snncc.passes.time.insert_readout import InsertReadout
from snncc.passes.time.note_rows import NoteRows
from snncc.passes.time.pool_spikes import PoolSpikes
from snncc.passes.time.repeat_constant_currents import RepeatConstantCurrents
from snncc.passes.time.stacked_sizes import StackedSizes
from snncc.passes.time.to_single_steps import ToSingleSteps  # noqa: F401 (compiler.time_forms runs it)

__all__ = [
    "PASSES",
    "canonicalisation",
    "finalisation",
    "legalisation",
    "lowering",
    "normalisation",
    "prepared",
    "weight_rounding",
    "weight_storage",
]


def canonicalisation() -> tuple[Pass, ...]:
    """The passes of the import."""
    return (
        UnifyFloatType(),  # half precision here and there is none
        RemoveIdentity(),  # ops without effect hide which ops are adjacent
        FuseAggregation(),  # sums over the edges of a graph are one op
        SplitToSlices(),  # parts are slices
        TileToConcat(),  # and copies stand side by side
        LowerEinsum(),  # sums of products by constants are matrix products
        FoldExpandedConstants(),  # a constant for each sample is a bias
        WhereToMul(),  # masks are factors
        SimplifyArithmetic(),  # canonical sums and factors
        SettleMasks(),  # whose infinities go to the end
        RecogniseRelu(),  # however they are put together
        SpellBounds(),  # canonical bounds; bounds without effect are removed
        CeilingsBehindRelus(),  # ReLU6, too
        RemoveRedundantRelu(),  # one layer of neurons where one will do
    )


def legalisation(coding: Coding, bounds: Forms | None = None, *, linear: bool = False) -> tuple[Pass, ...]:
    """The passes between `canonicalisation` and calibration; `bounds` maps nodes to the form of their bounds, `linear`
    says whether sums, or with a coding of values all values, that synapses read become spikes.

    After it, activation sites are ReLUs, with an upper bound (Min) after them or not, or send both signs.
    """
    return (
        BatchFirst(),  # between recurrent layers, too
        FuseGelu(),  # one op each for activations
        LinearPieces(),  # and ReLUs for what consists of such
        BoundsToRelu(bounds or {}),  # bounds are sums of ReLUs
        RemoveRedundantRelu(),  # some of them of ReLUs' results
        SplitClip(),  # ReLU6 is a ReLU with an upper bound
        SplitLeakyRelu(),  # and a leaky ReLU two of opposite polarity
        *(
            (CodeValues(),)  # neurons on all values that synapses read
            if linear and coding.codes_values
            else (InsertMessageNeurons(coding.signed_neurons, linear),)  # or between synapses
        ),
        *((ReluBeforeMaxPool(),) if coding.pools_spikes else ()),  # pools choose among neurons
    )


def normalisation(scales: Scales, fold_bn: str = "weights") -> tuple[Pass, ...]:
    """The passes after calibration: the same ReLU network, with neurons of threshold 1 or of individual thresholds."""
    if fold_bn == "threshold":
        return (
            FoldBatchNorm(spare_neurons=True),  # on the way into a sum there is no neuron
            HoistScales(),  # factors that the network itself has
            SinkScales(),
            BatchNormToThreshold(),  # the neurons' own, before them
            FoldBatchNorm(),  # whatever these do not take
        )
    return (
        FoldBatchNorm(),  # fewer linear ops between two neurons
        InsertScales(scales.folded),  # every ReLU between 1/λ and λ
        HoistScales(),  # 1/λ into the synapses in front
        SinkScales(),  # λ into the synapses after
    )


def lowering(
    coding: Coding, scales: Scales, *, anytime: bool = False, stepwise: bool = False, gates: int | None = None
) -> tuple[Pass, ...]:
    """The passes that convert a normalised ReLU network to a spiking one, for a whole run or for single steps.

    `gates` is the number of time steps of a gate of a recurrent layer; None: what suits the coding.
    """
    in_pieces = coding.slices > 1
    coding = coding.stepwise if stepwise else coding
    rows = NoteRows(coding.slices)
    return (
        rows,  # as long as they can be measured
        LowerRelu(coding, scales.own, scales.choices),  # ReLUs become neurons
        *((LowerActivations(coding, scales.potentials),) if coding.activations else ()),  # so do their relatives
        EncodeInput(coding, scales.inputs, scales.grids),  # the input becomes spikes
        IsolateAnalogOps(coding, scales.analog, in_pieces, anytime),  # what is left stays as it is
        RepeatConstantCurrents(coding.slices, rows.rows),  # or repeat a constant current where it meets steps
        StackedSizes(coding.slices),  # sizes are those of samples
        PoolSpikes(coding.slices if coding.pools_spikes else 1),  # windows send the increase of their largest rate
        InsertReadout(coding, anytime),  # steps become the output
        PadTables(),  # the neurons of an op share its body
        LowerRecurrent(*_gates(coding, gates, scales), scales.potentials),  # gates become neurons, too
    )


def _gates(coding: Coding, wanted: int | None, scales: Scales) -> tuple[int, int]:
    """Number of steps of a gate, and the common length of all few-spikes tables."""
    steps, length = coding.gates(wanted)
    own = [choice.steps or 0 for choice in scales.choices.values()] if coding.few_spikes else []
    return steps, max([length, *own])


def finalisation(
    corrections: Mapping[str, PotentialCorrection],
    confidence: Mapping[str, SpikeConfidence],
    *,
    seed: int = 0,
    fuse: bool = True,
    fold_bn: str = "weights",
) -> tuple[Pass, ...]:
    """The passes on the spiking network: x -> gain (x + offset) for each potential, spike confidence, then fusion."""
    own = fold_bn == "threshold"
    return (
        *(
            (ApplySpikeConfidence(confidence, seed),) if confidence else ()
        ),  # early spikes, with the measured confidence
        CorrectPotentials(corrections),  # corrections measured on the calibration data
        *((FoldScalesIntoThresholds(),) if own else ()),  # their gains, and BatchNormalization's, into thresholds
        HoistScales(),  # their gains into the synapses in front
        *(() if own else (SinkScales(),)),  # and, on shortcuts, together with the factor there
        *((FuseResidual(),) if fuse else ()),  # shortcuts end in the neuron
    )


def weight_rounding(weights: str) -> tuple[Pass, ...]:
    """The passes before potentials are matched, so that matching also compensates for the rounding of weights."""
    return (RoundWeights(),) if weights == "int8" else ()


def weight_storage(weights: str) -> tuple[Pass, ...]:
    """The passes that set how the weights of the finished network are stored: one of `WEIGHTS`."""
    return () if weights == "float" else (QuantiseWeights(per_channel=weights == "int8"),)


# By name: all passes that this module imports.
PASSES: dict[str, type[Pass]] = {
    each.name: each
    for each in tuple(globals().values())
    if isinstance(each, type) and issubclass(each, Pass) and each is not Pass
}


def prepared(source: Graph, coding: Coding, bounds: Forms, *, linear: bool = False) -> Graph:
    """A copy of `source`, the imported ANN, whose activation sites are Relus with their recorded names."""
    graph = source.copy()
    PassManager(legalisation(coding, bounds, linear=linear)).run(graph)
    return graph
