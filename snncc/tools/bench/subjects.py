# SPDX-License-Identifier: Apache-2.0
"""Subjects of a benchmark: ANN, SNN in plain onnxruntime, SNN with snncc's kernels; and their inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort

from snncc.calibration.synthetic_inputs import coloured_noise
from snncc.errors import DataError, ModelError, OptionError
from snncc.evaluation.evaluate import misfit, refuse_converted
from snncc.execution.converted_model import read_converted
from snncc.execution.stream import Stream, is_single_step, own_specs
from snncc.frontend.import_model import import_model
from snncc.io.batches import Batch, Samples, batches
from snncc.io.input_specs import fixed_batch, specs_of
from snncc.io.model_reader import Source, model_name, read_model
from snncc.io.preprocess import Preprocess
from snncc.ir.nodes import all_nodes, is_neuron
from snncc.storage.temporary import temporary_folder
from snncc.tools.bench.profile import NodeTime, node_times, read_profile
from snncc.tools.noise_batches import noise_batches

__all__ = ["Subjects"]

Run = Callable[[], object]

_PROFILED = 6  # runs under the profiler


class Subjects:
    """The networks by name, and how to run them; `device` is the device of the last one."""

    def __init__(self, snn: Source, ann: Source | None, threads: int, device: str) -> None:
        spiking = read_converted(snn)
        if not any(is_neuron(n) for n in all_nodes(spiking.graph)):
            raise ModelError(f"{model_name(snn)} has no spiking neurons. Give a model that snncc has converted.")
        self._single_step = is_single_step(spiking)
        self._specs = own_specs(spiking)
        self._threads, self.device = threads, device
        self.models = {"body": spiking, "kernels": spiking}
        if ann is not None:
            refuse_converted(read_model(ann), model_name(ann), spiking)
            self._graph = import_model(ann)  # which holds the files of its large weights
            source = self._graph.to_proto()
            if message := misfit(self._specs, specs_of(source), model_name(snn), model_name(ann)):
                raise ModelError(message)
            self.models = {"ann": source, **self.models}

    def feeds(self, data: Samples | None, preprocess: Preprocess | None, batch: int | None) -> Batch:
        """One batch."""
        fixed = fixed_batch(self._specs)
        if fixed and batch not in (None, fixed):
            raise OptionError(f"the model takes batches of exactly {fixed} samples, not {batch}. Leave that to it.")
        size = fixed or batch or 1
        if data is None:
            return next(self._noise(size))
        found = next(batches(data, self._specs, preprocess=preprocess, batch_size=size))
        given = len(next(iter(found.values())))
        if given < size:
            raise DataError(f"the data holds {given} samples for a batch of {size}. Give more, or a smaller batch.")
        return found

    def _noise(self, size: int) -> Iterator[Batch]:
        if "ann" in self.models:
            return noise_batches(self.models["ann"], size)
        if any(s.dtype.kind != "f" for s in self._specs):
            raise DataError("what the model's integer inputs may be is not known. Give data, or the ANN.")
        rng = np.random.default_rng(1)
        return iter([{s.name: coloured_noise(s, size, rng).astype(s.dtype) for s in self._specs}])

    def run(self, name: str, feeds: Batch, profile: Path | None = None) -> tuple[Run, ort.InferenceSession]:
        """(A function that runs the network on `feeds`, its session)."""
        from snncc.runtime import create_session

        model, options = self.models[name], self._options(profile)
        session = create_session(model, device=self.device, options=options, kernels=name != "body")
        self.device = "cuda" if "CUDA" in session.get_providers()[0] else "cpu"
        if name == "ann" or not self._single_step:
            return partial(session.run, None, feeds), session
        return partial(Stream(model, self.device, session=session).run, feeds), session

    def profile(self, name: str, feeds: Batch) -> tuple[NodeTime, ...]:
        """Time per node of a network."""
        with temporary_folder() as folder:
            run, session = self.run(name, feeds, folder / "profile")
            for _ in range(_PROFILED):
                run()
            return node_times(read_profile(Path(session.end_profiling())), _PROFILED)

    def _options(self, profile: Path | None) -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        options.enable_mem_pattern = False  # as sessions of snncc's own
        options.add_session_config_entry("session.force_spinning_stop", "1")  # into the next network's run
        if profile is not None:
            options.enable_profiling, options.profile_file_prefix = True, str(profile)
        return options
