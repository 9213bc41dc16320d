# SPDX-License-Identifier: Apache-2.0
"""Error of each layer against the ANN, and the part that the layer adds itself."""

from __future__ import annotations

import numpy as np

from snncc.tools.debug import LayerErrors
from snncc.tools.report.figures.bars import bars, height
from snncc.tools.report.figures.reconstruction import decibel
from snncc.tools.report.layer_values import LayerValues
from snncc.tools.report.panels import Panel, Section

__all__ = ["section"]

_MOST = 80.0  # dB; beyond that a layer is as good as exact


def section(layers: list[LayerValues], found: LayerErrors) -> Section | None:
    """One panel, and the table of `snncc debug layers`."""
    if not layers:
        return None
    names = [layer.title for layer in layers]
    values = {
        "with all errors before": [_bounded(x.snr) for x in layers],
        "own": [_bounded(x.own_snr) for x in layers],
    }
    worst = found.layers[0]
    alt = f"Signal-to-noise ratio of each layer; {worst.replaces or worst.name} adds most error."
    panel = Panel("errors", "SNR of each layer", alt, bars(names, values, "dB"), height=height(len(names)))
    columns = ("layer", "mean |a|", "SNR, own", "SNR", "output error if exact")
    rows = tuple(
        (
            x.replaces or x.name,
            f"{x.magnitude:.4g}",
            decibel(x.own_snr),
            decibel(x.snr),
            f"{100 * x.output_error:.2f} %",
        )
        for x in found.layers
    )
    text = (
        f"The output's error is {100 * found.output_error:.2f} % of its magnitude (root mean squares), and "
        f"{100 * found.exact_error:.2f} % if all layers were exact. The table has the layer that adds most first; its "
        "last column is the output's error if that layer alone were exact."
    )
    return Section("errors", "Where the error comes from", text, (panel,), (columns, rows))


def _bounded(snr: float) -> float:
    return float(np.nan_to_num(np.clip(snr, 0.0, _MOST)))
