# SPDX-License-Identifier: Apache-2.0
"""The grid of each input's data: values offset + step k with whole numbers k of few bits, such as pixels of 8 bits.

Preprocessing by a mean and a deviation leaves a grid for each channel, which is recovered from the data. The encoder
then codes k exactly, in as many phases as the data has bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snncc.analysis.cpu_session import cpu_session
from snncc.analysis.integer_inputs import activation_sources
from snncc.coding.scales import InputGrid
from snncc.ir.graph import Graph
from snncc.ops.arrays import Array

__all__ = ["find_grid", "input_grids"]

_BITS = 8
_CHANNELS = 64  # more rows are no channels of images
_SEEN = 16  # values for each point of the grid
_ROUNDING = 1e-3  # of a step; of float32 values


def input_grids(graph: Graph, samples: Mapping[str, Array]) -> dict[str, InputGrid]:
    """The grid of each source of activations whose data has one, by name, from `samples` {input: [n, ...]}."""
    found = {}
    for source in activation_sources(graph):
        values = samples[source.name] if source.name in samples else _computed(graph, source.name, samples)
        if (grid := find_grid(values)) is not None:
            found[source.name] = grid
    return found


def _computed(graph: Graph, tensor: str, samples: Mapping[str, Array]) -> Array:
    """What a look-up or a cast makes of integer inputs."""
    fixed = (graph.shape(graph.inputs[0]) or (None,))[0]
    size = fixed if isinstance(fixed, int) else len(next(iter(samples.values())))
    session = cpu_session(graph.to_proto(), [tensor])
    count = len(next(iter(samples.values())))
    parts = [session.run(None, {k: v[i : i + size] for k, v in samples.items()})[0] for i in range(0, count, size)]
    return np.concatenate(parts)


def find_grid(values: Array) -> InputGrid | None:
    """The grid on which all `values`, [n, ...], lie: one for all, or one for each channel on axis 1 or the last."""
    if values.dtype.kind != "f" or values.ndim < 2:
        return None
    for axis in (None, 1, values.ndim - 1):
        if axis is not None and values.shape[axis] > _CHANNELS:
            continue
        rows = values.reshape(1, -1) if axis is None else np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
        lines = [_line(row) for row in rows]
        steps = [line[1] for line in lines if line is not None and line[1] > 0]
        if not steps or None in lines:
            continue
        usual, shape = max(steps), [1 if a != axis else -1 for a in range(values.ndim)]
        given = np.array([(offset, step or usual, bits) for offset, step, bits in filter(None, lines)])
        return InputGrid(given[:, 0].reshape(shape), given[:, 1].reshape(shape), int(given[:, 2].max()))
    return None


def _line(row: Array) -> tuple[float, float, int] | None:
    """(Value of the code 0, step, bits) of one channel; step 0 for a constant; None if it has no grid."""
    points, counts = np.unique(row, return_counts=True)
    points = points.astype(np.float64)
    if not 0 < len(points) <= 2**_BITS or not np.isfinite(points).all():
        return None
    if len(points) == 1:
        return float(points[0]), 0.0, 1
    step = np.diff(points).min()
    step = (points[-1] - points[0]) / max(np.rint((points[-1] - points[0]) / step), 1.0)
    k = np.rint((points - points[0]) / step)
    if k[-1] >= 2**_BITS or row.size < _SEEN * (k[-1] + 1):
        return None
    if np.abs(points - points[0] - step * k).max() > _ROUNDING * step:
        return None
    bits = int(k[-1]).bit_length()
    centre = _centre(k.astype(np.int64), counts, bits)
    return float(points[0] + step * centre), float(step), bits


def _centre(k: Array, counts: Array, bits: int) -> int:
    """The point of the grid from which the others are coded with the fewest spikes, the binary digits of the distances.

    Of several, it is the middle one.
    """
    ones = np.array([n.bit_count() for n in range(2**bits)])
    spikes = [int((ones[np.abs(k - centre)] * counts).sum()) for centre in range(2**bits)]
    best = np.flatnonzero(np.array(spikes) == min(spikes))
    return int(best[len(best) // 2])
