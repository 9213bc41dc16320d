# SPDX-License-Identifier: Apache-2.0
"""A plain time-step simulation of a NIR graph, independent of snncc."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

Array = np.ndarray[Any, Any]


@pytest.fixture
def simulate() -> Callable[[Any, Array, int], tuple[Array, dict[str, Array]]]:
    return _simulate


def _simulate(graph: Any, current: Array, steps: int) -> tuple[Array, dict[str, Array]]:
    """(Outputs at each step, [T, N, …]; spikes of each IF node, [T, N, …]) for a constant input [N, …]."""
    order, potentials = list(_in_order(graph)), {}
    outputs: list[Array] = []
    spikes: dict[str, list[Array]] = {}
    for _ in range(steps):
        values: dict[str, Array] = {}
        for name in order:
            node, kind = graph.nodes[name], type(graph.nodes[name]).__name__
            given = current if kind == "Input" else sum(values[a] for a, b in graph.edges if b == name)
            if kind == "IF":
                potential = potentials.get(name, 0) + node.r * given
                fires = potential >= node.v_threshold
                potentials[name] = potential - fires * node.v_threshold
                spikes.setdefault(name, []).append(fires)
                given = fires.astype(np.float64)
            values[name] = _SYNAPSES[kind](node, given) if kind in _SYNAPSES else given
        outputs.append(next(values[n] for n in order if type(graph.nodes[n]).__name__ == "Output"))
    return np.stack(outputs), {name: np.stack(fired) for name, fired in spikes.items()}


def _in_order(graph: Any) -> Iterator[str]:
    done: set[str] = set()
    while len(done) < len(graph.nodes):
        ready = [n for n in graph.nodes if n not in done and all(a in done for a, b in graph.edges if b == n)]
        yield from ready
        done.update(ready)


def _windows(x: Array, kernel: Any, stride: Any, padding: Any, dilation: Any = 1) -> Array:
    """[N, C, rows, columns, kernel rows, kernel columns]"""
    rows, columns = (np.broadcast_to(np.asarray(v, int), 2) for v in (stride, dilation))
    before, after = np.broadcast_to(np.asarray(padding, int), 2)
    x = np.pad(x, ((0, 0), (0, 0), (before, before), (after, after)))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, columns, strict=True)]
    found = np.lib.stride_tricks.sliding_window_view(x, reach, (2, 3))
    return found[:, :, :: rows[0], :: rows[1], :: columns[0], :: columns[1]]


def _conv2d(node: Any, x: Array) -> Array:
    seen = _windows(x, node.weight.shape[2:], node.stride, node.padding, node.dilation)
    sums = np.einsum("nchwij,ocij->nohw", seen, node.weight.astype(np.float64), optimize=True)
    return sums + node.bias[:, None, None]


def _flatten(_node: Any, x: Array) -> Array:
    return x.reshape(len(x), -1)


def _conv1d(node: Any, x: Array) -> Array:
    padded = np.pad(x, ((0, 0), (0, 0), (int(np.ravel(node.padding)[0]),) * 2))
    reach, dilation = node.weight.shape[2], int(np.ravel(node.dilation)[0])
    seen = np.lib.stride_tricks.sliding_window_view(padded, (reach - 1) * dilation + 1, 2)
    seen = seen[:, :, :: int(np.ravel(node.stride)[0]), ::dilation]
    return np.einsum("ncli,oci->nol", seen, node.weight.astype(np.float64)) + node.bias[:, None]


_SYNAPSES = {
    "Affine": lambda node, x: x @ node.weight.T.astype(np.float64) + node.bias,
    "AvgPool2d": lambda node, x: _windows(x, node.kernel_size, node.stride, node.padding).mean((4, 5)),
    "Conv1d": _conv1d,
    "Conv2d": _conv2d,
    "Flatten": _flatten,
    "Scale": lambda node, x: x * node.scale,
}
