# SPDX-License-Identifier: Apache-2.0
"""Reference networks: scripts that build or train them, and the small trained ones that ship with the package."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["digits_network"]


def digits_network(activation: str = "relu") -> bytes:
    """The trained digits network with ReLU, or with `silu` or `gelu` in its place, as an ONNX file.

    `python -m snncc.models.digits_cnn` makes it again.
    """
    name = "digits_cnn.onnx" if activation == "relu" else f"digits_cnn_{activation}.onnx"
    return files("snncc.models").joinpath(name).read_bytes()
