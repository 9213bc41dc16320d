# SPDX-License-Identifier: Apache-2.0
"""Reference networks: scripts that build or train them, and the small trained one that ships with the package."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["digits_network"]


def digits_network() -> bytes:
    """The trained digits network, an ONNX file; `python -m snncc.models.digits_cnn` makes it again."""
    return files("snncc.models").joinpath("digits_cnn.onnx").read_bytes()
