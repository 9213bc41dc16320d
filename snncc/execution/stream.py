# SPDX-License-Identifier: Apache-2.0
"""Run a network of single time steps: the host calls it once per step and passes the neuron states on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from snncc.analysis.time_axis import READERS
from snncc.coding.metadata_schema import sound_entry
from snncc.errors import DataError, ModelError, OptionError
from snncc.execution.converted_model import read_converted
from snncc.execution.early_exit import EarlyExit
from snncc.io.input_specs import InputSpec, specs_of
from snncc.ir.metadata import metadata_of
from snncc.ops.arrays import Array

__all__ = ["Stream", "is_single_step", "own_specs"]

_BATCH = "batch"  # how the first axis is called here


def is_single_step(model: onnx.ModelProto) -> bool:
    """Whether `model` computes one time step per call, with its states among its inputs and outputs."""
    return bool(sound_entry(model, "snncc.form").get("form") == "step")


def own_specs(model: onnx.ModelProto) -> list[InputSpec]:
    """The inputs that a converted model has from its source, without states of single time steps."""
    states = {s["input"] for s in sound_entry(model, "snncc.form").get("states", [])}
    return [spec for spec in specs_of(model) if spec.name not in states]


class Stream:
    """A network converted with `form="step"`, with its current time step and states.

        stream = Stream("snn.onnx")
        stream.start(images)           # states before the first step
        for outputs in stream:         # as many steps as the conversion planned, stream.steps
            ...
        outputs = stream.step(frame)   # or step by step, with another input at any of them

    Real-time hosts in any language do the same with nothing but onnxruntime. The model's metadata entry `snncc.form` is
    JSON: `{"form": "step", "steps": T, "states": [{"input", "output", "shape", "dtype", "initial"}, …]}`. Before the
    first call fill each state's `input` with `initial`, in its `shape`, the first axis of which is the batch (`step`,
    the clock, has one element). After each call, what came out as `output` is what goes in as `input` of the next one.

    States never leave the device: they are outputs of one call and inputs of the next, in two sets of buffers.

    Args:
        model: Path, bytes or ModelProto.
        device: "cpu", "cuda", or "auto": CUDA if it works here, else the CPU.
        options: onnxruntime's own options.
        session: One of the model, instead of a new one.

    Attributes:
        steps: Time steps that the network needs, from the conversion.
        done: Steps since `start`.
        inputs: Specs of the network's own inputs, states left out.
        outputs: Names of its own outputs.

    Raises:
        OptionError: the model is not one of single time steps.
    """

    def __init__(
        self,
        model: str | Path | bytes | onnx.ModelProto,
        device: str = "auto",
        *,
        options: Any | None = None,
        session: ort.InferenceSession | None = None,
    ) -> None:
        from snncc.runtime import create_session

        proto = read_converted(model)
        if not is_single_step(proto):
            raise OptionError("a stream runs single time steps, which the model does not; convert it with form step")
        form = metadata_of(proto)["snncc.form"]
        self.steps, self.done = int(form["steps"]), 0
        self._states: list[dict[str, Any]] = form["states"]
        left = {s["output"] for s in self._states}
        self.inputs = own_specs(proto)
        self.outputs = [value.name for value in proto.graph.output if value.name not in left]
        self._answers = any(node.op_type in READERS for node in proto.graph.node)
        self._session = session or create_session(proto, device=device, options=options)
        self._device = "cuda" if "CUDA" in self._session.get_providers()[0] else "cpu"
        self._fed: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}  # of open axes
        self._now: dict[str, Any] = {}  # by state: input of the next call
        self._spare: dict[str, Any] = {}  # reusable output buffers for its states

    def start(self, inputs: Array | Mapping[str, Array]) -> None:
        """Reset to step 0, with new inputs (by name, or the array of the only one) that stay until they are replaced.

        Raises:
            DataError: an input is missing or of the wrong shape.
        """
        before = self._fed, self._sizes
        self._fed, self._sizes = {}, {}
        try:
            self._feed(inputs)
        except DataError:
            self._fed, self._sizes = before  # what runs goes on
            raise
        self._spare, self.done = {}, 0
        self._now = {s["input"]: self._initial(s) for s in self._states}

    def step(self, inputs: Array | Mapping[str, Array] | None = None) -> dict[str, Array]:
        """The outputs after one more time step; `inputs` replace some or all current inputs, with the
        same batch size.
        """
        if not self._now:
            raise OptionError("the stream has no input yet; call start(inputs) first")
        if inputs is not None:
            self._feed(inputs)
        binding = self._session.io_binding()
        for name, value in {**self._fed, **self._now}.items():
            binding.bind_ortvalue_input(name, value)
        for state in self._states:
            if self._spare:
                binding.bind_ortvalue_output(state["output"], self._spare[state["input"]])
            else:
                binding.bind_output(state["output"], self._device)
        for name in self.outputs:
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding)
        found = binding.get_outputs()
        # The buffers that `start` filled are numpy's; onnxruntime allocates the two sets that take turns from then on.
        self._spare = self._now if self.done else {}
        self._now = {s["input"]: value for s, value in zip(self._states, found, strict=False)}
        self.done += 1
        return dict(zip(self.outputs, (v.numpy() for v in found[len(self._states) :]), strict=True))

    def __iter__(self) -> Iterator[dict[str, Array]]:
        while self.done < self.steps:
            yield self.step()

    def run(
        self, inputs: Array | Mapping[str, Array], early_exit: float | None = None
    ) -> tuple[dict[str, Array], npt.NDArray[np.int64]]:
        """(Outputs, time steps that each sample took, [N]).

        Args:
            inputs: By name, or the array of the only one.
            early_exit: Margin by which the same class must lead at two steps in a row; the sample then keeps the
                outputs of the second of them, whatever else is in the batch (see `early_exit`). None: all steps.

        Raises:
            DataError: an input is missing or of the wrong shape.
            OptionError: early exit from a network with outputs only at the last step, or with no scores of classes.
        """
        if early_exit is not None and not self._answers:
            message = "early exit needs outputs that are means over the steps so far, or estimates at every step"
            raise OptionError(f"{message}: rate, MSAT (without wait) or differential coding; here only the last is one")
        if early_exit is not None and not early_exit >= 0:
            raise OptionError(f"the margin of early exit is {early_exit}, but it must be 0 or more")
        self.start(inputs)
        exits = EarlyExit(self.outputs[0], early_exit)
        for outputs in self:
            exits.add(outputs, last=self.done == self.steps)
            if exits.settled.all():
                break
        return exits.results, exits.steps

    def _feed(self, inputs: Array | Mapping[str, Array]) -> None:
        """Take over `inputs`, and the sizes of their open axes."""
        given = inputs if isinstance(inputs, Mapping) else {self.inputs[0].name: inputs}
        specs = {spec.name: spec for spec in self.inputs}
        missing = [name for name in specs if name not in given and name not in self._fed]
        if missing or not specs.keys() >= given.keys():
            raise DataError(f"the network's inputs are {', '.join(specs)}; given are {', '.join(given)}")
        for name, value in given.items():
            array, spec = np.ascontiguousarray(value, specs[name].dtype), specs[name]
            if not array.ndim or not spec.fits(array.shape[1:]):
                raise DataError(f"the input is {list(array.shape)}, but the network takes {spec}")
            found = {_BATCH: len(array)}
            found |= {axis: n for axis, n in zip(spec.shape[1:], array.shape[1:], strict=True) if isinstance(axis, str)}
            if any(self._sizes.setdefault(axis, size) != size for axis, size in found.items()):
                raise DataError(f"the input is {list(array.shape)}, but the stream has begun with {self._sizes}")
            self._fed[name] = ort.OrtValue.ortvalue_from_numpy(array, self._device, 0)

    def _initial(self, state: Mapping[str, Any]) -> Any:
        """A state before the first step; its axes are open where those of the inputs are."""
        shape = list(state["shape"] or [None])
        if state["shape"] and not isinstance(shape[0], int):
            shape[0] = _BATCH
        shape = [self._sizes.get(axis) if isinstance(axis, str) else axis for axis in shape]
        if None in shape:
            message = f"the shape of the state '{state['input']}' is {state['shape']}, which this input does not settle"
            raise ModelError(f"{message}. Convert a model whose inputs have fixed sizes.")
        value = np.full(shape, state["initial"], np.dtype(state["dtype"]))
        return ort.OrtValue.ortvalue_from_numpy(value, self._device, 0)
