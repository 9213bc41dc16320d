# SPDX-License-Identifier: Apache-2.0
"""Networks and helpers that tests of several passes share."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper, parser

NODES = 5


HEAD = f"net (float[N,{NODES},4] x) => (float[N,{NODES},4] y)"


EDGES = {
    "sources": np.array([0, 2, 2, 4, -1, 1]),
    "targets": np.array([3, 0, 3, 3, 1, -5])[:, None],
    "w": np.float32([0.5, 2, -1, 0.25, 3, 1])[:, None],
    "one_sample": np.array([3, 0, 3, 3, 1, 0])[None, :, None],
    "full": np.broadcast_to(np.array([3, 0, 3, 3, 1, 0])[:, None], (6, 4)),
    "uneven": np.arange(24).reshape(1, 6, 4) % NODES,
    "A": np.float32(np.diag([1, 2, 3, 0, 1]) + np.eye(NODES, k=2)),
    "dense": np.ones((NODES, NODES), np.float32),
    "wide": np.float32(np.eye(4, NODES)),
    "zero": np.zeros((), np.float32),
    "ones": np.ones((1, NODES, 4), np.float32),
    "axes": np.array([1]),
}


WEIGHTS = {name: np.random.default_rng(0).normal(0, 1, (4, 4)).astype(np.float32) for name in "VW"}


def model(body: str, head: str = HEAD) -> onnx.ModelProto:
    """A network of this text, whose constants are those of EDGES and WEIGHTS."""
    made = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{head} {{ {body} }}')
    for name, value in (EDGES | WEIGHTS).items():
        if any(name in node.input for node in made.graph.node):
            made.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    onnx.checker.check_model(made, full_check=True)
    return made
