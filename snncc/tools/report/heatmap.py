# SPDX-License-Identifier: Apache-2.0
"""Heatmaps in shades of one colour, for light and dark pages; cells of one shade form one path."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from snncc.ops.arrays import Array

__all__ = ["cells", "strokes"]

_SHADES = 20


def cells(axes: Axes, x: Array, y: Array, shade: Array, colour: str) -> None:
    """Draw shade[i, j], 0 … 1, between y[i], y[i+1] and x[j], x[j+1]; nothing where it is 0 or NaN."""
    depth = np.ceil(np.nan_to_num(shade) * _SHADES).clip(0, _SHADES).astype(np.int64)
    for level in range(1, _SHADES + 1):
        rows, columns = np.nonzero(depth == level)
        if rows.size:
            left, right, low, high = x[columns], x[columns + 1], y[rows], y[rows + 1]
            corners = np.stack([left, low, right, low, right, high, left, high, left, low], axis=1).reshape(-1, 2)
            codes = np.tile([Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY], rows.size)
            patch = PathPatch(
                Path(corners, codes), facecolor=colour, alpha=level / _SHADES, linewidth=0, gid=f"cells-{level}"
            )
            axes.add_patch(patch)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])


def strokes(axes: Axes, x: Array, low: Array, high: Array, colour: str, width: float) -> None:
    """Draw vertical strokes at x from low to high, as one path."""
    points = np.stack([x, low, x, high], axis=1).reshape(-1, 2)
    codes = np.tile([Path.MOVETO, Path.LINETO], x.size)
    axes.add_patch(PathPatch(Path(points, codes), edgecolor=colour, facecolor="none", linewidth=width))
