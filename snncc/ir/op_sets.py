# SPDX-License-Identifier: Apache-2.0
"""Sets of ONNX ops by their role in a spiking network, shared by several modules."""

from __future__ import annotations

__all__ = [
    "ANALOG",
    "BROADCASTING",
    "CASTS",
    "CHOICES",
    "COMPARISONS",
    "CONTROL_FLOW",
    "CURVES",
    "LEAKY",
    "LINEAR",
    "MAX_POOLS",
    "MOVES",
    "POOLS",
    "RANDOM",
    "RECURRENT",
    "REDUCTIONS",
    "REDUCTION_POOLS",
    "SHAPE_OPS",
    "SYNAPSES",
    "TAIL",
    "WEIGHTED",
    "WINDOW_POOLS",
]

SYNAPSES = ("Conv", "ConvTranspose", "Gemm", "MatMul")
WEIGHTED = (*SYNAPSES, "Aggregate")  # and our own sum over the edges of a graph
# Linear in the activation.
LINEAR = frozenset({*SYNAPSES, "BatchNormalization", "Add", "Sum", "Sub", "Mul", "Div"})
# Shape-only ops.
_MOVES = "Concat DepthToSpace Dropout Expand Flatten Gather Identity Pad Reshape Slice SpaceToDepth Squeeze Transpose"
MOVES = frozenset([*_MOVES.split(), "Unsqueeze"])
SHAPE_OPS = frozenset({"Shape", "Size"})  # their results depend on no value of the network
CASTS = ("Cast", "CastLike")
# What pools or interpolates values.
MAX_POOLS = ("MaxPool", "GlobalMaxPool", "ReduceMax")
WINDOW_POOLS = ("MaxPool", "GlobalMaxPool", "AveragePool", "GlobalAveragePool")
REDUCTION_POOLS = ("ReduceMax", "ReduceMean", "ReduceSum")
POOLS = frozenset({*WINDOW_POOLS, *REDUCTION_POOLS, "Resize"})
# Layers with a state that is passed from step to step of a sequence.
RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
# Fine after the last synapses; elsewhere an analog op.
TAIL = frozenset({"Softmax", "LogSoftmax", "ArgMax", "Sigmoid"})
# Linear on either side of zero.
LEAKY = ("LeakyRelu", "PRelu", "Abs")
# What computes each value from those in the same place, of inputs that are broadcast.
BROADCASTING = frozenset({"Add", "Div", "Max", "Min", "Mul", "Pow", "PRelu", "Sub", "Sum", "Where"})
# What computes each value from one.
_CURVES = "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish"
_MORE = "LeakyRelu Log Mish Reciprocal Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh"
CURVES = frozenset([*_CURVES.split(), *_MORE.split(), "ThresholdedRelu"])
_NORMS = "GroupNormalization InstanceNormalization LayerNormalization LpNormalization LRN LogSoftmax Softmax"
_OTHERS = "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMin ReduceProd ReduceSumSquare"
REDUCTIONS = frozenset([*REDUCTION_POOLS, *_OTHERS.split()])
_PRODUCTS = "Div Einsum MatMul Max Min Mod Mul Pow PRelu"
# Functions of each sample's values that may stay analog: curves, norms, reductions, and products of activations.
ANALOG = CURVES | {*_NORMS.split(), *_OTHERS.split(), "GlobalLpPool", "LpPool", *_PRODUCTS.split()}
COMPARISONS = frozenset(["And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or", "Where"])
# What compares, chooses or counts: analog, too, and right only for the complete values. Whatever takes integers or
# truth values that activations decide, or gives some, is one of them, by these or other names.
_PICK = "ArgMax ArgMin Compress GatherElements GatherND Hardmax NonMaxSuppression NonZero TopK Unique"
_PLACE = "CumSum IsInf IsNaN OneHot ReverseSequence ScatterElements ScatterND"
CHOICES = COMPARISONS - {"And", "Not", "Or"} | {*_PICK.split(), *_PLACE.split()}
# What draws numbers.
RANDOM = frozenset(
    ["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"]
)
