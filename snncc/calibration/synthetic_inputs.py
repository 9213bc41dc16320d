# SPDX-License-Identifier: Apache-2.0
"""Synthetic calibration data: 1/f-coloured noise, and the statistics that BatchNormalization stores.

Natural signals have amplitudes proportional to 1/f. Noise with this spectrum, run through the network with batch
statistics in every BatchNormalization, excites each channel similarly to training data. The mean and deviation of the
input are derived from the statistics that the first BatchNormalization stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snncc.analysis.cpu_session import cpu_session, must_run
from snncc.io.input_specs import InputSpec
from snncc.ir.graph import Graph, Node
from snncc.ops.arrays import Array

__all__ = ["OPEN_AXIS", "batch_statistics", "coloured_noise", "input_statistics", "random_ids"]

OPEN_AXIS = 32  # length given to an axis, other than the batch, that the model leaves open
_LINEAR = frozenset(["Add", "Conv", "Div", "Flatten", "Gemm", "MatMul", "Mul", "Pad", "Reshape", "Sub", "Transpose"])


def coloured_noise(spec: InputSpec, count: int, rng: np.random.Generator) -> Array:
    """`count` samples of noise with amplitude 1/f over the last one or two axes; mean 0, variance 1 in each channel."""
    shape = [d if isinstance(d, int) else OPEN_AXIS for d in spec.shape[1:]]
    if not shape:
        return rng.standard_normal(count).astype(np.float32)
    axes = (1, 2) if spec.channels_last else tuple(range(max(1, len(shape) - 1), len(shape) + 1))
    if len(shape) == 1:
        axes = (1,)
    white = rng.standard_normal((count, *shape))
    frequency = np.zeros(())
    for axis in axes:
        frequency = np.add.outer(frequency, np.fft.fftfreq(white.shape[axis]) ** 2)
    amplitude = np.sqrt(frequency)
    lowest = 1.0 / max(white.shape[a] for a in axes)
    spread = [white.shape[a] if a in axes else 1 for a in range(white.ndim)]
    coloured = np.fft.ifftn(
        np.fft.fftn(white, axes=axes) / np.maximum(amplitude, lowest).reshape(spread), axes=axes
    ).real
    everything = tuple(a for a in range(coloured.ndim) if a == 0 or a in axes)
    coloured = coloured - coloured.mean(axis=everything, keepdims=True)
    deviation = coloured.std(axis=everything, keepdims=True)
    return np.asarray(coloured / np.where(deviation > 0, deviation, 1)).astype(np.float32)


def random_ids(spec: InputSpec, count: int, limit: int, rng: np.random.Generator) -> Array:
    """`count` samples of integers in [0, `limit`)."""
    shape = [d if isinstance(d, int) else OPEN_AXIS for d in spec.shape[1:]]
    return rng.integers(0, limit, (count, *shape)).astype(spec.dtype)


def batch_statistics(graph: Graph) -> Graph:
    """A copy of `graph` whose BatchNormalizations use the mean and variance of the batch; tensors keep their names."""
    copy = graph.copy()
    for node in copy.nodes("BatchNormalization"):
        rank = len(copy.shape(node.inputs[0]) or ())
        axes = copy.constant("axes", np.array([a for a in range(rank) if a != 1], np.int64))
        x, kind = node.inputs[0], copy.element_type()
        gamma, beta = (_spread(copy, node, i, rank, kind) for i in (1, 2))
        centred = copy.add("Sub", [x, copy.add("ReduceMean", [x, axes], name="mean")], name="centred")
        squares = copy.add("Mul", [centred, centred], name="squares")
        variance = copy.add("ReduceMean", [squares, axes], name="variance")
        epsilon = np.asarray(node.attrs.get("epsilon", 1e-5), kind)
        deviation = copy.add(
            "Sqrt", [copy.add("Add", [variance, copy.constant("epsilon", epsilon)], name="sum")], name="root"
        )
        unit = copy.add("Div", [centred, deviation], name="unit")
        result = copy.add("Add", [copy.add("Mul", [unit, gamma], name="scaled"), beta], name="shifted")
        name = node.outputs[0].name
        copy.bypass(node, result)
        result.name = name  # by which callers of `graph` know it
    return copy


def _spread(graph: Graph, node: Node, index: int, rank: int, kind: np.dtype[Any]) -> Any:
    value = graph.value(node.inputs[index])
    assert value is not None
    return graph.constant(f"{node.name}_parameter", value.astype(kind).reshape(-1, *(1,) * (rank - 2)))


def input_statistics(graph: Graph, noise: Mapping[str, Array]) -> tuple[float, float] | None:
    """(mean, standard deviation) of the data that the first BatchNormalization saw, None if it sees no linear input.

    Its stored mean and variance are compared with the response of what stands before it to 0, to 1 and to the noise.
    """
    first = next(iter(graph.nodes("BatchNormalization")), None)
    if first is None or len(graph.inputs) != 1 or not _linear_before(graph, first):
        return None
    mean, variance = (np.asarray(graph.value(first.inputs[i]), np.float64) for i in (3, 4))
    name = graph.inputs[0].name
    with must_run("what stands before the first BatchNormalization"):
        session = cpu_session(graph.to_proto(), [first.inputs[0].name])
        zero, one, random = (
            session.run(None, {name: v.astype(graph.element_type())})[0].astype(np.float64)
            for v in (np.zeros_like(noise[name]), np.ones_like(noise[name]), noise[name])
        )
    others = tuple(a for a in range(random.ndim) if a != 1)
    offset, response = zero.mean(axis=others), (one - zero).mean(axis=others)
    spread = random.var(axis=others)
    heard = spread > 1e-6 * spread.max()
    if not heard.any():
        return None
    deviation = float(np.sqrt(np.median(variance[heard] / spread[heard])))
    level = float(response @ (mean - offset) / max(response @ response, 1e-30))
    return level, deviation


def _linear_before(graph: Graph, node: Node) -> bool:
    """Whether there are only synapses between the input and `node`."""
    pending = [node.inputs[0]]
    while pending:
        producer = graph.producer(pending.pop())
        if producer is not None:
            if producer.op not in _LINEAR:
                return False
            pending += list(producer.inputs)
    return True
