# SPDX-License-Identifier: Apache-2.0
"""Find the layers of a spiking network that add the error, by comparison with the layers of the ANN.

For every layer three errors are measured: of its output against the ANN's activations; of its output if all its inputs
were the ANN's, which is the error that it adds itself; and of the network's output if this layer alone were exact.
"""

from __future__ import annotations

from snncc.analysis.cpu_session import must_run
from snncc.errors import OptionError
from snncc.evaluation.evaluate import pair
from snncc.io.batches import Samples, batches, first, specs_of
from snncc.io.input_specs import fixed_batch
from snncc.io.model_reader import Source
from snncc.io.preprocess import Preprocess
from snncc.io.progress import track
from snncc.tools.debug.layer_comparison import Comparison
from snncc.tools.debug.layer_errors import LayerErrors

__all__ = ["debug_layers"]

_BATCH = 64


def debug_layers(
    snn: Source,
    ann: Source,
    data: Samples,
    *,
    preprocess: Preprocess | str | None = None,
    limit: int | None = None,
    device: str = "auto",
) -> LayerErrors:
    """Compare each layer of neurons with the corresponding layer of the ANN; gates of recurrent layers are left out.

    What a layer adds itself is measured on exact inputs: levels too coarse or too small, weights that were rounded. The
    rest of its error it was given, or comes of when its inputs arrive.

    Args:
        snn: The converted model, in a form that `snncc.evaluate` takes.
        ann: The model that it was converted from.
        data: Inputs; see `snncc.evaluate`.
        preprocess: How uint8 images become inputs; see `snncc.Preprocess.parse`.
        limit: Compare the first so many samples only.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        SnnccError: a model or the data cannot be read, they do not fit together, or the metadata are too old.
    """
    if limit is not None and limit < 1:
        raise OptionError(f"limit is {limit}, but at least one sample is needed. Give 1 or more.")
    spiking, source = pair(snn, ann)
    specs = specs_of(spiking)
    preprocess = Preprocess.of(preprocess)
    any_size = fixed_batch(specs) is None
    stream = first(batches(data, specs, preprocess=preprocess, batch_size=_BATCH), limit, cut=any_size)
    comparison = Comparison(spiking, source, device, cut=any_size)
    with must_run("the network with exact layers"):
        for _ in track(comparison.steps(stream), "comparing layers"):
            pass
    return comparison.result()
