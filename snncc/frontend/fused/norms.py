# SPDX-License-Identifier: Apache-2.0
"""Expand LayerNormalization variants: after a sum, without a mean, of embeddings."""

from __future__ import annotations

from snncc.frontend.fused.lines import Lines, NoSpelling

__all__ = ["embeddings", "image_scaler", "layer", "simplified", "skip_layer", "skip_simplified"]


def layer(lines: Lines) -> None:
    """LayerNormalization of the standard."""
    for index in (1, 2):
        if lines.output(index):
            raise NoSpelling("whose mean or deviation is read")
    own = {k: v for k, v in lines.attributes.items() if k in ("axis", "epsilon")}
    lines.add("LayerNormalization", [lines.input(i) for i in range(3)], lines.output(0), **own)


def simplified(lines: Lines) -> None:
    """x / sqrt(mean(x²) + epsilon) g, over the axes from `axis` on."""
    axis, rank = int(lines.attributes.get("axis", -1)), lines.names.rank(lines.input(1))
    axes = [axis] if axis == -1 else list(range(-rank, 0)) if rank else None
    if axes is None:
        raise NoSpelling("over a number of axes that is not known")
    epsilon = float(lines.attributes.get("epsilon", 1e-5))
    result, inverse = _scaled(lines, lines.input(0), lines.input(1), epsilon, axes)
    lines.give(result)
    lines.give(inverse, 1)


def skip_layer(lines: Lines) -> None:
    """LayerNormalization(x + skip + bias)."""
    if lines.output(1) or lines.output(2):
        raise NoSpelling("whose mean or deviation is read")
    total = lines.sum(lines.input(0), lines.input(1), lines.input(4))
    given = [total, lines.input(2), lines.input(3)]
    lines.add("LayerNormalization", given, lines.output(0), axis=-1, epsilon=_epsilon(lines))
    lines.give(total, 3)


def skip_simplified(lines: Lines) -> None:
    """SimplifiedLayerNormalization(x + skip + bias)."""
    if lines.output(1) or lines.output(2):
        raise NoSpelling("whose mean or deviation is read")
    total = lines.sum(lines.input(0), lines.input(1), lines.input(3))
    result, _ = _scaled(lines, total, lines.input(2), _epsilon(lines), [-1])
    lines.give(result)
    lines.give(total, 3)


def embeddings(lines: Lines) -> None:
    """LayerNormalization of the sum of the embeddings of words, positions and segments."""
    ids, segments, words, places, kinds, gamma, beta, mask, at = (lines.input(i) for i in range(9))
    if mask or lines.output(1):
        raise NoSpelling("with a mask")
    total = lines.add("Gather", [words, ids])
    if at:
        total = lines.add("Add", [total, lines.add("Gather", [places, at])])
    else:
        steps = lines.add("Shape", [ids], start=1)
        cut = lines.add("Slice", [places, lines.ints(0), steps, lines.ints(0)])
        total = lines.add("Add", [total, cut])
    if segments:
        total = lines.add("Add", [total, lines.add("Gather", [kinds, segments])])
    lines.add("LayerNormalization", [total, gamma, beta], lines.output(0), axis=-1, epsilon=_epsilon(lines))
    lines.give(total, 2)


def image_scaler(lines: Lines) -> None:
    """scale x + bias, a bias for each channel."""
    scaled = lines.add("Mul", [lines.input(0), lines.constant(float(lines.attributes.get("scale", 1.0)))])
    bias = [[[[float(b)]] for b in lines.attributes.get("bias", [0.0])]]
    lines.add("Add", [scaled, lines.constant(bias)], lines.output(0))


def _scaled(lines: Lines, source: str, gamma: str, epsilon: float, axes: list[int]) -> tuple[str, str]:
    """(x g / root, 1 / root)."""
    square = lines.add("Mul", [source, source])
    mean = lines.add("ReduceMean", [square, lines.ints(*axes)])
    root = lines.add("Sqrt", [lines.add("Add", [mean, lines.constant(epsilon)])])
    unit = lines.add("Div", [source, root])
    return lines.add("Mul", [unit, gamma]), lines.add("Reciprocal", [root])


def _epsilon(lines: Lines) -> float:
    return float(lines.attributes.get("epsilon", 1e-12))
