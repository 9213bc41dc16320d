# SPDX-License-Identifier: Apache-2.0
"""Reference networks: scripts that build or train them, and the small trained ones that ship with the package."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["digits_network"]


_CNNS = {"relu": "cnn", "silu": "cnn_silu", "gelu": "cnn_gelu"}


def digits_network(kind: str = "relu") -> bytes:
    """A trained network for the digits, as an ONNX file: the CNN with ReLU, or with `silu` or `gelu` in its place, or
    `vit`, `bert` or `mobilenet`.

    `python -m snncc.models.digits_cnn`, `digits_transformers` and `digits_mobilenet` make them again.
    """
    return files("snncc.models").joinpath(f"digits_{_CNNS.get(kind, kind)}.onnx").read_bytes()
