# SPDX-License-Identifier: Apache-2.0
"""Runs converted models with the native neuron kernels."""

from __future__ import annotations

__all__: list[str] = []
