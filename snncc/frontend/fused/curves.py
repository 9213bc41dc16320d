# SPDX-License-Identifier: Apache-2.0
"""Expand Gelu and similar activations, and activations that are no longer in the standard."""

from __future__ import annotations

from snncc.frontend.fused.lines import Lines

__all__ = ["affine", "biased", "biased_gelu", "fast_gelu", "gelu", "parametric_softplus", "quick_gelu", "scaled_tanh"]


def gelu(lines: Lines) -> None:
    """Gelu(x)."""
    lines.add("Gelu", [lines.input(0)], lines.output(0), approximate=lines.text("approximate", "none"))


def biased_gelu(lines: Lines) -> None:
    """Gelu(x + b)."""
    lines.add("Gelu", [lines.sum(lines.input(0), lines.input(1))], lines.output(0))


def fast_gelu(lines: Lines) -> None:
    """Gelu(x + b), by tanh."""
    lines.add("Gelu", [lines.sum(lines.input(0), lines.input(1))], lines.output(0), approximate="tanh")


def quick_gelu(lines: Lines) -> None:
    """x sigmoid(alpha x)."""
    alpha = lines.constant(float(lines.attributes.get("alpha", 1.702)))
    gate = lines.add("Sigmoid", [lines.add("Mul", [lines.input(0), alpha])])
    lines.add("Mul", [lines.input(0), gate], lines.output(0))


def biased(lines: Lines) -> None:
    """x + b + residual; of BiasDropout, which drops nothing here, and BiasAdd."""
    lines.give(lines.sum(lines.input(0), lines.input(1), lines.input(2)))


def affine(lines: Lines) -> None:
    """alpha x + beta."""
    alpha, beta = (float(lines.attributes.get(k, 0.0)) for k in ("alpha", "beta"))
    scaled = lines.add("Mul", [lines.input(0), lines.constant(alpha)])
    lines.add("Add", [scaled, lines.constant(beta)], lines.output(0))


def scaled_tanh(lines: Lines) -> None:
    """alpha tanh(beta x)."""
    alpha, beta = (float(lines.attributes.get(k, 0.0)) for k in ("alpha", "beta"))
    inner = lines.add("Tanh", [lines.add("Mul", [lines.input(0), lines.constant(beta)])])
    lines.add("Mul", [inner, lines.constant(alpha)], lines.output(0))


def parametric_softplus(lines: Lines) -> None:
    """alpha softplus(beta x)."""
    alpha, beta = (float(lines.attributes.get(k, 0.0)) for k in ("alpha", "beta"))
    inner = lines.add("Softplus", [lines.add("Mul", [lines.input(0), lines.constant(beta)])])
    lines.add("Mul", [inner, lines.constant(alpha)], lines.output(0))
