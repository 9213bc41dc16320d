# SPDX-License-Identifier: Apache-2.0
"""A drawn network as it is written, line by line, in the textual form of ONNX."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Lines"]


class Lines:
    """Nodes and constants so far; every method adds one and returns its name."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.nodes: list[str] = []
        self.constants: list[str] = []

    def node(self, op: str, *inputs: str, **attributes: object) -> str:
        """`op(inputs)`."""
        name = f"t{len(self.nodes)}"
        given = ", ".join(f"{k} = {_text(v)}" for k, v in attributes.items())
        self.nodes.append(f"{name} = {op} {f'<{given}>' if given else ''} ({', '.join(inputs)})")
        return name

    def ints(self, *values: int) -> str:
        """A constant shape, or indices."""
        return self.constant(f"int64[{len(values)}]", values)

    def floats(self, *shape: int, low: float = -1.0, high: float = 1.0) -> str:
        """A constant, drawn."""
        drawn = self.rng.uniform(low, high, shape).astype(np.float32)
        return self.constant(f"float[{','.join(map(str, shape))}]", drawn.ravel())

    def weights(self, *shape: int) -> str:
        """A constant whose products are about as large as what it is multiplied with."""
        bound = 1.7 / np.sqrt(np.prod(shape[1:] if len(shape) > 2 else shape[:1]))
        return self.floats(*shape, low=-bound, high=bound)

    def sizes(self, tensor: str, *axes: int) -> list[str]:
        """The sizes of axes of a tensor, [1] each, measured in one of the ways that exporters have."""
        found = []
        for axis in axes:
            way = self.rng.integers(3)
            if way == 0:
                found.append(self.node("Shape", tensor, start=axis, end=axis + 1))
                continue
            shape = self.node("Shape", tensor)
            if way == 1:
                found.append(self.node("Slice", shape, self.ints(axis), self.ints(axis + 1)))
            else:
                found.append(self.node("Gather", shape, self.ints(axis), axis=0))
        return found

    def shape(self, *sizes: str | int) -> str:
        """What a Reshape or Expand takes, of sizes that are measured and sizes that are known."""
        return self.node("Concat", *(s if isinstance(s, str) else self.ints(s) for s in sizes), axis=0)

    def constant(self, kind: str, values: Sequence[object] | np.ndarray) -> str:
        """One of any kind, as ONNX writes it."""
        name = f"c{len(self.constants)}"
        self.constants.append(f"{kind} {name} = {{{', '.join(map(str, values))}}}")
        return name


def _text(value: object) -> str:
    return str(value) if not isinstance(value, tuple) else str(list(value))
