# SPDX-License-Identifier: Apache-2.0
"""Output error of a whole spiking network, converted on trial."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snncc.analysis.cpu_session import cpu_session
from snncc.calibration.potential_matching import batch_size
from snncc.coding.scales import Scales
from snncc.compiler.conversion import Conversion
from snncc.compiler.tuning.layer_error import relative_error
from snncc.compiler.tuning.search import NetworkError
from snncc.io.batches import Batch
from snncc.ir.graph import Graph
from snncc.ops.arrays import Array

__all__ = ["network_error"]


def network_error(conversion: Conversion, graph: Graph, samples: Batch, *, match: bool) -> NetworkError:
    """`relative_error` on the second half of `samples`, of networks whose potentials are matched on the first half.

    Args:
        conversion: The conversion.
        graph: The prepared ReLU network.
        samples: {input: [n, ...]}; if they are less than two batches, all of them do both.
        match: Whether potentials are matched.
    """
    count, size = len(next(iter(samples.values()))), batch_size(graph)
    half = count // 2 // size * size if count >= 2 * size else 0
    seen = {name: array[: half or count] for name, array in samples.items()}
    kept = {name: array[half:] for name, array in samples.items()}
    exact = _outputs(graph, kept, size)
    fixed = isinstance((graph.shape(graph.inputs[0]) or (None,))[0], int)
    rows = size if fixed else max(1, size // conversion.coding.slices)

    def error(scales: Scales) -> float:
        if conversion.options.fold_bn == "threshold":
            scales = replace(scales, normalize="none")
        return relative_error(exact, _outputs(conversion.trial(graph, scales, seen, match=match), kept, rows))

    return error


def _outputs(graph: Graph, data: Batch, size: int) -> list[Array]:
    """The network's outputs, all samples of an output in one array."""
    session = cpu_session(graph.to_proto())
    count = len(next(iter(data.values())))
    parts = [
        session.run(None, {name: array[i : i + size] for name, array in data.items()}) for i in range(0, count, size)
    ]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]
