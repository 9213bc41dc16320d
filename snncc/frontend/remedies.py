# SPDX-License-Identifier: Apache-2.0
"""Remedies for ops that cannot be converted."""

from __future__ import annotations

from snncc.ir.op_sets import CASTS, COMPARISONS, CONTROL_FLOW, RANDOM, SHAPE_OPS

__all__ = ["remedy_for"]

_CONTROL = (
    "Export the one way that inference takes: trace the model instead of scripting it, with loops unrolled, "
    "sizes fixed and settings as constants."
)
_CHOICE = "A spiking network cannot compare activations: write a ReLU as Relu, Clip or Max, and make masks constants."
_INDICES = "Make its indices constants, and take values with Slice or Gather."
_EDGES = (
    "Sums over the edges of a graph convert as Gather, Mul with constants and ScatterElements with reduction 'add', "
    "along axis 1 of [N, nodes, channels], with constant indices, the same for all channels."
)
_PICKS = "Cut the graph before it, and do it in the host: it picks among values, which is no part of a network."
_SHAPES = "Export the model with a fixed image size and constant folding, so that shapes are constants."
_NOISE = "Export the model for inference (model.eval()), without noise."
_TYPES = "Export the model in one floating-point type throughout."
_SAMPLING = "Resample with Resize or a convolution, or cut the graph before it."
_MATRIX = "It is linear: write it as a MatMul with a constant matrix, or a Mul with a constant mask."
_DOMAIN = "Export the model in standard ONNX ops, or with the op's definition as a local function."
_FUSED = (
    "Give snncc the model as it was before onnxruntime optimised it, or save it there with graph_optimization_level "
    "ORT_ENABLE_BASIC."
)
_PRODUCT = "Only products with constants are synapses."
_DEFAULT = "Replace it in the source model, or cut the graph before it."

_BY_OP = {
    **dict.fromkeys((*CONTROL_FLOW, "SequenceMap"), _CONTROL),
    **dict.fromkeys(COMPARISONS, _CHOICE),
    **dict.fromkeys(("Gather", "GatherElements", "GatherND"), _INDICES),
    **dict.fromkeys(("ScatterElements", "ScatterND"), _EDGES),
    **dict.fromkeys(("TopK", "NonMaxSuppression", "NonZero", "Unique", "ArgMax", "ArgMin", "Compress"), _PICKS),
    **dict.fromkeys((*SHAPE_OPS, "Range", "ConstantOfShape", "Expand", "Tile", "Split", "OneHot"), _SHAPES),
    **dict.fromkeys(RANDOM, _NOISE),
    **dict.fromkeys(CASTS, _TYPES),
    **dict.fromkeys(("GridSample", "RoiAlign", "MaxRoiPool", "MaxUnpool", "AffineGrid", "DeformConv"), _SAMPLING),
    **dict.fromkeys(("CumSum", "Trilu", "Col2Im", "ReverseSequence"), _MATRIX),
}


def remedy_for(op: str, reason: str) -> str:
    """The remedy for `op`, refused for `reason`, as a sentence for the user."""
    if reason.startswith("an op of onnxruntime's own"):
        return _FUSED
    if reason.startswith("domain"):
        return _DOMAIN
    if reason.startswith(("product", "quotient", "divides")):
        return f"{_PRODUCT} {_DEFAULT}"
    return _BY_OP.get(op, _DEFAULT)
