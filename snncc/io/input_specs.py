# SPDX-License-Identifier: Apache-2.0
"""Name, shape and element type of a model's inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper

from snncc.errors import ModelError

__all__ = ["InputSpec", "fixed_batch", "specs_of"]

_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class InputSpec:
    """An input of a model: its name, its shape (a str or None for an open axis), its element type."""

    name: str
    shape: tuple[int | str | None, ...]
    dtype: np.dtype[Any]

    @property
    def channels_last(self) -> bool:
        """Whether the input is [N, H, W, C]; by default images are [N, C, H, W]."""
        return len(self.shape) == 4 and self.shape[3] in _CHANNELS and self.shape[1] not in _CHANNELS

    @property
    def image_size(self) -> tuple[int, int, int] | None:
        """(height, width, channels) of an image input, None for anything else."""
        if len(self.shape) != 4:
            return None
        height, width, channels = self.shape[1:] if self.channels_last else (*self.shape[2:], self.shape[1])
        known = isinstance(height, int) and isinstance(width, int) and channels in (1, 3)
        return (int(str(height)), int(str(width)), int(str(channels))) if known else None

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether `shape`, of one sample without batch axis, matches the input of the model."""
        own = self.shape[1:]
        return len(own) == len(shape) and all(a == b for a, b in zip(own, shape, strict=True) if isinstance(a, int))

    def __str__(self) -> str:
        axes = ", ".join("?" if d is None else str(d) for d in self.shape)
        return f"'{self.name}' {self.dtype} [{axes}]"


def fixed_batch(specs: Iterable[InputSpec]) -> int | None:
    """The fixed batch size of a model; None if it is open."""
    return next((s.shape[0] for s in specs if s.shape and isinstance(s.shape[0], int)), None)


def specs_of(model: onnx.ModelProto) -> list[InputSpec]:
    """The inputs of `model`, without weights that are listed among them."""
    weights = {t.name for t in model.graph.initializer}
    specs = []
    for value in model.graph.input:
        kind = value.type.tensor_type
        if value.name not in weights:
            shape = tuple(_length(d) for d in kind.shape.dim)
            specs.append(InputSpec(value.name, shape, _dtype(value)))
    return specs


def _length(axis: onnx.TensorShapeProto.Dimension) -> int | str | None:
    """How long an axis is; some exporters write -1 where it is open."""
    return axis.dim_value if axis.HasField("dim_value") and axis.dim_value >= 0 else axis.dim_param or None


def _dtype(value: onnx.ValueInfoProto) -> np.dtype[Any]:
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
    except KeyError as error:
        raise ModelError(f"input '{value.name}' is no tensor of numbers. Export the model again.") from error
