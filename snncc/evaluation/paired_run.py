# SPDX-License-Identifier: Apache-2.0
"""Run both networks of an evaluation in onnxruntime, batch by batch, and accumulate the results."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from snncc.analysis.cpu_session import ORT_ERRORS, session_options
from snncc.analysis.network_view import Network
from snncc.analysis.time_stacking import max_batch
from snncc.errors import ModelError
from snncc.evaluation.accuracy import AccuracyCounter
from snncc.evaluation.inactivated_spikes import InactivatedSpikeCounter
from snncc.evaluation.latency import steps_of
from snncc.evaluation.operations import measure
from snncc.evaluation.result import Evaluation
from snncc.evaluation.shard_sums import ShardSums
from snncc.evaluation.spike_counter import SpikeCounter
from snncc.evaluation.timing import milliseconds
from snncc.execution.folded_form import to_folded
from snncc.io.batches import Batch
from snncc.ir.graph import Graph
from snncc.storage.mapped import mapped_in

__all__ = ["PairedRun"]


class PairedRun:
    """Run an SNN and its imported ANN on the same batches; an SNN with a loop is counted in its folded form.

    Args:
        cut: whether the networks take batches of any size, so that one may run in parts.
        timed: whether to measure how long both take.
        phases: whether to count spikes step by step where neurons send values.
    """

    def __init__(
        self,
        snn: onnx.ModelProto,
        ann: Graph,
        labels: npt.NDArray[np.int64] | None,
        device: str,
        *,
        cut: bool,
        timed: bool = True,
        phases: bool = False,
    ) -> None:
        self._snn, self._source = snn, ann
        self._cut = cut
        self._device, self._timed, self._phases = device, timed, phases
        self._milliseconds: tuple[float, float] | None = None
        self.tally = AccuracyCounter(labels)

    def add(self, batch: Batch) -> None:
        """Run both networks on a batch, in parts whose rows fit into memory."""
        if not self.tally.samples:
            self._start(batch)
        for start in range(0, _length(batch), self._size):
            self._run(_part(batch, start, self._size))

    def result(self) -> Evaluation:
        """The results; at least one batch must have been added."""
        layers = self._counter.layers()
        return Evaluation(
            self.tally,
            tuple(layers),
            measure(self._spiking, self._plain, layers, self._counter.pool_spikes()),
            steps=steps_of(self._snn, self._spiking),
            milliseconds=self._milliseconds,
            timed_batch=self._size,
            sin=self._silent.result() if self._silent else None,
        )

    def counts(self) -> ShardSums:
        """The results as integers that can be added to those of other samples; at least one batch must
        have been added.
        """
        layers = self._counter.layers(sums=True)
        return ShardSums(
            self.tally.to_json(),
            tuple(layers),
            measure(self._spiking, self._plain, layers, self._counter.pool_spikes(sums=True)),
            steps_of(self._snn, self._spiking),
            self._size,
            self._silent.result(sums=True) if self._silent else None,
        )

    def _start(self, batch: Batch) -> None:
        """Open the sessions: the shapes of the first batch determine open axes of the models."""
        from snncc.runtime import create_session

        def opened(model: onnx.ModelProto) -> Any:
            return create_session(model, device=self._device, options=session_options())

        ann = self._source.to_proto()
        shapes = {name: array.shape[1:] for name, array in batch.items()}
        folded = to_folded(self._snn)
        self._plain, self._spiking = Network(ann, shapes), Network(folded, shapes)
        self._counter = SpikeCounter(folded, self._spiking, phases=self._phases)
        self._silent = InactivatedSpikeCounter.of(self._snn, self._source, self._counter, self._spiking, shapes)
        self._names = [*self._counter.names, *(self._silent.names if self._silent else ())]
        self._size = _length(batch)
        if self._cut:
            self._size = max_batch(self._spiking.fold, self._size, self._spiking.largest)
        self._ann: Any = opened(ann)
        if self._timed:  # before more sessions are open: each has the weights in memory
            self._measure_time((self._ann, opened(self._snn)), _part(batch, 0, self._size))
        if self._silent and any(True for _ in mapped_in(ann.graph)):  # then one session is to give both
            self._ann = None
            self._silent.ann.graph.output.append(ann.graph.output[0])
        self._relus = opened(self._silent.ann) if self._silent else None
        self._counting = opened(self._counter.model)

    def _measure_time(self, sessions: tuple[Any, Any], batch: Batch) -> None:
        try:
            ann, snn = milliseconds(sessions, batch, self._size)
            self._milliseconds = ann, snn
        except ORT_ERRORS as error:
            reason = " ".join(str(error).split())
            message = f"onnxruntime cannot run SNN and ANN on this data ({reason}). Do all three fit?"
            raise ModelError(message) from error

    def _run(self, batch: Batch) -> None:
        feeds, count = batch, _length(batch)
        expected, silent = self._expected(batch)
        if self._silent:
            feeds = {**batch, **self._silent.feeds(silent)}
        given, *found = self._counting.run([self._spiking.outputs[0], *self._names], feeds)
        self.tally.add(expected, given)
        counts = dict(zip(self._names, found, strict=True))
        self._counter.add(counts, count)
        if self._silent:
            self._silent.add(counts, count)

    def _expected(self, batch: Batch) -> tuple[Any, list[Any]]:
        """The outputs of the ANN, and, on request, which of its ReLUs give 0."""
        found = self._relus.run(None, batch) if self._relus else []
        return (self._ann.run([self._plain.outputs[0]], batch)[0] if self._ann else found.pop()), found


def _length(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _part(batch: Batch, start: int, size: int) -> Batch:
    return {name: array[start : start + size] for name, array in batch.items()}
