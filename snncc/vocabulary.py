# SPDX-License-Identifier: Apache-2.0
"""What the ops of ONNX are to a spiking network."""

from __future__ import annotations

__all__ = ["ANALOG", "LINEAR", "MOVES", "POOLS", "RECURRENT", "TAIL"]

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
_CURVES = "Abs Ceil Celu Clip Cos Elu Erf Exp Floor Gelu HardSigmoid HardSwish LeakyRelu Log Mish Pow PRelu Reciprocal"
_MORE = "Round Selu Shrink Sigmoid Sign Sin Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu"
_NORMS = "GroupNormalization InstanceNormalization LayerNormalization LpNormalization LRN LogSoftmax Softmax"
_REDUCTIONS = "GlobalLpPool LpPool ReduceL1 ReduceL2 ReduceLogSumExp ReduceMin ReduceProd ReduceSumSquare"
_PRODUCTS = "Div Einsum MatMul Max Min Mul"
ANALOG = frozenset(" ".join((_CURVES, _MORE, _NORMS, _REDUCTIONS, _PRODUCTS)).split())
