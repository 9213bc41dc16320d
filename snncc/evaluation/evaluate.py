# SPDX-License-Identifier: Apache-2.0
"""Evaluate an SNN against its source ANN: accuracy, agreement, spikes, energy, latency."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy.typing as npt
import onnx

from snncc.errors import DataError, ModelError, OptionError
from snncc.evaluation.calibration_data import noticed
from snncc.evaluation.paired_run import PairedRun
from snncc.evaluation.result import Evaluation
from snncc.evaluation.shard_sums import ShardSums
from snncc.execution.converted_model import read_converted
from snncc.execution.folded_form import to_folded
from snncc.execution.stream import is_single_step
from snncc.frontend.import_model import import_model
from snncc.io.batches import InputSpec, Samples, batches, count_of, first, labels_of, specs_of
from snncc.io.digests import model_digest
from snncc.io.input_specs import fixed_batch
from snncc.io.model_reader import Source, model_name, read_model
from snncc.io.preprocess import Preprocess
from snncc.io.progress import track
from snncc.io.sample_sources import checked_labels
from snncc.ir.graph import Graph
from snncc.ir.metadata import metadata_of
from snncc.ir.nodes import all_nodes, is_neuron

__all__ = ["count", "evaluate", "misfit", "pair", "refuse_converted"]

_log = logging.getLogger(__name__)


def evaluate(
    snn: Source,
    ann: Source,
    data: Samples,
    *,
    labels: npt.ArrayLike | None = None,
    preprocess: Preprocess | str | None = None,
    batch_size: int = 64,
    device: str = "auto",
    limit: int | None = None,
    phases: bool = False,
    timed: bool = True,
) -> Evaluation:
    """Compare a converted network with its source on data.

    Args:
        snn: The converted model: path, bytes or ModelProto.
        ann: The model that it was converted from.
        data: Array, dict of arrays, iterable of either (streamed, read once), path of an .npy, .npz or image folder.
        labels: Class number of each sample; by default `labels` of the .npz file or dict. Without, no accuracy.
        preprocess: Conversion of uint8 images to inputs; see `snncc.Preprocess.parse`.
        batch_size: Samples per run, unless the models fix it; fewer where the SNN stacks time steps on its batch axis.
        device: `auto`, `cpu` or `cuda`.
        limit: Evaluate only this many samples, from the first on.
        phases: Count the spikes of each phase or step also where neurons send values, as rate and MSAT coding always
            do; takes longer, most of all with several spikes per neuron.
        timed: Also time both networks, which takes some seconds.

    Raises:
        SnnccError: a model or the data cannot be read, or they do not fit together.
    """
    return _ran(snn, ann, data, labels, preprocess, batch_size, device, limit, timed=timed, phases=phases).result()


def count(
    snn: Source,
    ann: Source,
    data: Samples,
    *,
    preprocess: Preprocess | str | None = None,
    batch_size: int = 64,
    device: str = "auto",
) -> ShardSums:
    """The counts of `evaluate`, as sums that can be added to those of other samples; same arguments and errors."""
    return _ran(snn, ann, data, None, preprocess, batch_size, device, None, timed=False).counts()


def _ran(
    snn: Source,
    ann: Source,
    data: Samples,
    labels: npt.ArrayLike | None,
    preprocess: Preprocess | str | None,
    batch_size: int,
    device: str,
    limit: int | None,
    *,
    timed: bool,
    phases: bool = False,
) -> PairedRun:
    """Both networks, after a run on all of the data."""
    for name, value in (("batch_size", batch_size), ("limit", limit)):
        if value is not None and value < 1:
            raise OptionError(f"{name} is {value}, but at least one sample is needed. Give 1 or more.")
    spiking, source = pair(snn, ann)
    specs = specs_of(spiking)
    preprocess = Preprocess.of(preprocess)
    classes = labels_of(data) if labels is None else checked_labels(labels)
    count = count_of(data)
    if classes is not None and count is not None and len(classes) < (count if limit is None else min(count, limit)):
        raise DataError(f"there are {len(classes)} labels for {count} samples. Give one label per sample.")
    any_size = fixed_batch(specs) is None
    stream = first(batches(data, specs, preprocess=preprocess, batch_size=batch_size), limit, cut=any_size)
    runner = PairedRun(spiking, source, classes, device, cut=any_size, timed=timed, phases=phases)
    stream = noticed(stream, spiking, model_name(snn))
    for batch in track(stream, "evaluating", _number_of_batches(data, limit, batch_size)):
        runner.add(batch)
    if classes is not None and limit is None and len(classes) != runner.tally.samples:
        raise DataError(
            f"there are {len(classes)} labels for {runner.tally.samples} samples. Give one label per sample."
        )
    return runner


def pair(snn: Source, ann: Source) -> tuple[onnx.ModelProto, Graph]:
    """Both networks, ready for a paired run; raises if they cannot belong together, warns if they differ in digest."""
    spiking, read = read_converted(snn), read_model(ann)
    refuse_converted(read, model_name(ann), spiking)
    _refuse_unconverted(spiking, model_name(snn))
    folded = to_folded(spiking)  # raises for forms that cannot be counted
    if is_single_step(spiking):
        spiking = folded
    source = import_model(ann)
    if message := misfit(specs_of(spiking), specs_of(source.to_proto()), model_name(snn), model_name(ann)):
        raise ModelError(message)
    try:
        recorded = metadata_of(spiking).get("snncc.source")
    except ModelError:
        recorded = None
    digest = recorded.get("sha256") if isinstance(recorded, dict) else None
    if digest and digest != model_digest(read):
        _log.warning(
            "%s was converted from another model than %s, by the digest in its metadata",
            model_name(snn),
            model_name(ann),
        )
    return spiking, source


def refuse_converted(ann: onnx.ModelProto, name: str, snn: onnx.ModelProto | None = None) -> None:
    """Raise ModelError if `ann`, which should be the source network of `snn`, is a converted one."""
    if any(is_neuron(node) for node in all_nodes(ann.graph)):
        swapped = snn is not None and not any(is_neuron(node) for node in all_nodes(snn.graph))
        hint = "; are SNN and --ann swapped?" if swapped else "."
        raise ModelError(f"{name} is already converted; give the network that it was made from{hint}")


def _refuse_unconverted(snn: onnx.ModelProto, name: str) -> None:
    recorded = any(entry.key.startswith("snncc.") for entry in snn.metadata_props)
    if not recorded and not any(is_neuron(node) for node in all_nodes(snn.graph)):
        raise ModelError(f"{name} is no converted model: it has no spiking neurons. Give what `snncc convert` wrote.")


def misfit(ours: Sequence[InputSpec], ann: Sequence[InputSpec], snn_name: str, ann_name: str) -> str | None:
    """The mismatch between the inputs of an ANN and of its SNN; an axis that is open in the ANN matches any size."""
    theirs = {s.name: s for s in ann}
    same = {s.name for s in ours} == set(theirs) and all(
        s.dtype == theirs[s.name].dtype
        and len(s.shape) == len(theirs[s.name].shape)
        and all(a == b for a, b in zip(s.shape, theirs[s.name].shape, strict=True) if isinstance(b, int))
        for s in ours
    )
    if same:
        return None
    given, expected = (", ".join(map(str, specs)) for specs in (ours, theirs.values()))
    return f"{snn_name} takes {given}, {ann_name} takes {expected}: not converted from it. Give its source."


def _number_of_batches(data: Samples, limit: int | None, batch_size: int) -> int | None:
    count = count_of(data)
    if count is None:
        return None
    return -(-min(count, limit or count) // batch_size)
