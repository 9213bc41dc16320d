# SPDX-License-Identifier: Apache-2.0
"""What the ops of ONNX are to a spiking network."""

from __future__ import annotations

__all__ = ["ANALOG", "CHOICES", "LINEAR", "MAX_POOLS", "MOVES", "POOLS", "RECURRENT", "SHAPE_OPS", "SYNAPSES", "TAIL"]

# The synapses: linear in the activation.
LINEAR = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "Add", "Sum", "Sub", "Mul", "Div"})
# What only moves values.
_MOVES = "Concat DepthToSpace Dropout Expand Flatten Gather Identity Pad Reshape Slice SpaceToDepth Squeeze Transpose"
MOVES = frozenset([*_MOVES.split(), "Unsqueeze"])
# What pools or interpolates them.
POOLS = frozenset(
    ["AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "ReduceMax", "ReduceMean", "ReduceSum", "Resize"]
)
# Layers with a state that goes from step to step of a sequence.
RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
# Fine behind the last synapses; elsewhere an analog island.
TAIL = frozenset({"Softmax", "LogSoftmax", "ArgMax", "Sigmoid"})
# Functions of each sample's values that may stay analog: curves, norms, reductions, and products of activations.
_CURVES = "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish"
_MORE = "LeakyRelu Log Mish Pow PRelu Reciprocal Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Swish"
_LAST = "Tan Tanh ThresholdedRelu"
_NORMS = "GroupNormalization InstanceNormalization LayerNormalization LpNormalization LRN LogSoftmax Softmax"
_REDUCTIONS = "GlobalLpPool LpPool ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMin ReduceProd ReduceSumSquare"
_PRODUCTS = "Div Einsum MatMul Max Min Mod Mul"
ANALOG = frozenset(" ".join((_CURVES, _MORE, _LAST, _NORMS, _REDUCTIONS, _PRODUCTS)).split())
# What compares, chooses or counts: analog, too, and right only for the complete values. Whatever takes integers or
# truth values that activations decide, or gives some, is one of them, by these or other names.
_COMPARE = "Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Where"
_PICK = "ArgMax ArgMin Compress GatherElements GatherND Hardmax NonMaxSuppression NonZero TopK Unique"
_PLACE = "CumSum OneHot ReverseSequence ScatterElements ScatterND"
CHOICES = frozenset(" ".join((_COMPARE, _PICK, _PLACE)).split())


SYNAPSES = ("Conv", "ConvTranspose", "Gemm", "MatMul")


MAX_POOLS = ("MaxPool", "GlobalMaxPool", "ReduceMax")


SHAPE_OPS = frozenset({"Shape", "Size"})  # what they give depends on no value of the network
