# SPDX-License-Identifier: Apache-2.0
"""Convert a network for a whole run to one for `chunk` time steps, with neuron states as inputs and outputs.

Ops that run over time do fewer steps, and their states, constants until now, become inputs and outputs of the graph.
Phase and few-spikes neurons, which code a value in one go, become their single steps: a layer starts when its inputs
have been coming for `wait` steps (all spikes of a step cross the whole network within it), and what it sends is the
value of its spikes so far. Where paths of different length meet and layers do not wait for all of their input, the
shorter one is delayed, so that phases meet their like.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from snncc.analysis.batch_axis import batch_axes
from snncc.coding.base import add_op
from snncc.errors import PassError
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import SHAPE_OPS
from snncc.ops import DOMAIN, get
from snncc.passes.base import Pass

__all__ = ["State", "ToSingleSteps"]


@dataclass(frozen=True)
class State:
    """A state that the network passes from one call to the next.

    Attributes:
        input, output: Names of the graph's input that brings it, and of the output that it leaves by.
        shape: Its shape, batch axis first, where that is known.
        dtype: Its element type.
        initial: Its value before the first call, the same everywhere.
    """

    input: str
    output: str
    shape: tuple[int | str | None, ...] | None
    dtype: str
    initial: float


@dataclass(frozen=True)
class ToSingleSteps(Pass):
    """Neurons over all steps -> neurons over `chunk` steps, with states as graph inputs and outputs.

    Attributes:
        chunk: Steps per call; 1 for codings whose neurons send one value.
        wait: Steps that a layer waits for its inputs; None: until they are complete.
        states: Filled by the run: what the network remembers; the first is the number of the next step.
        steps: Filled by the run: how many steps the whole takes, if the coding's neurons send one value; else 0.
    """

    name: ClassVar[str] = "step-through"
    chunk: int = 1
    wait: int | None = None
    states: list[State] = field(default_factory=list, repr=False, compare=False)
    steps: list[int] = field(default_factory=list, repr=False, compare=False)

    def run(self, graph: Graph) -> int:
        """Rewrite every neuron and every op over time."""
        step = graph.add_input(graph.fresh("step"), np.dtype(np.int64), (1,))
        clock = State(step.name, graph.fresh("step_out"), (1,), "int64", 0.0)
        self.states.append(clock)
        timing = _Timing(self.wait)
        done = 0
        for node in graph.nodes():
            if node.domain == DOMAIN and get(node.op).single_step:
                start = timing.start(node)
                node = _single_step(graph, node, start)  # noqa: PLW2901
                timing.starts(node, start)
            elif graph.has_role(node, "repeat"):
                self._shorten(graph, node)
            elif graph.has_role(node, "unstack") or graph.has_role(node, "stack"):
                self._rescale(graph, node)
            else:
                self._align(graph, node, timing)
            if node.domain == DOMAIN:
                self._open(graph, node, step)
                done += 1
        self.steps.append(timing.total(graph))
        advance = graph.constant("steps_per_call", np.array([self.chunk], np.int64))
        graph.add_output(graph.add("Add", [step, advance], name="next_step"), clock.output)
        return done

    def _shorten(self, graph: Graph, node: Node) -> None:
        """Limit a constant current to the steps of one call."""
        if self.chunk == 1:
            graph.bypass(node, node.inputs[0])
            return
        repeats = graph.value(node.inputs[1])
        assert repeats is not None
        node.inputs[1] = graph.constant(node.inputs[1].name, np.where(repeats > 1, self.chunk, 1))

    def _rescale(self, graph: Graph, node: Node) -> None:
        """Change sizes to those of the steps of one call."""
        factors = graph.value(node.inputs[1])
        assert factors is not None
        each = np.where(factors > 1, self.chunk, 1).astype(np.int64)
        node.inputs[1] = graph.constant(node.inputs[1].name, each)

    def _open(self, graph: Graph, node: Node, step: Tensor) -> None:
        """Make the states of `node` inputs and outputs of the graph; the clock is the graph's own."""
        definition = get(node.op)
        names = [p.name for p in definition.inputs]
        if "step" in names:
            node.inputs[names.index("step")] = step
        if "steps" in node.attrs:
            node.attrs["steps"] = self.chunk
        outputs = [p.name for p in definition.outputs]
        sample = _sample(graph, node.inputs[0])
        for given, left in definition.states.items():
            at = names.index(given)
            initial = graph.value(node.inputs[at])
            assert initial is not None
            if len(graph.users(node.inputs[at])) == 1:  # its name is reused for the state
                graph.free_name(node.inputs[at])
            name = graph.fresh(f"{node.name}_{given}")
            state = State(name, graph.fresh(f"{name}_out"), sample, "float32", float(initial.item()))
            node.inputs[at] = graph.add_input(name, np.dtype(np.float32), sample)
            graph.add_output(graph.use_output(node, outputs.index(left), np.dtype(np.float32), sample), state.output)
            self.states.append(state)

    def _align(self, graph: Graph, node: Node, timing: _Timing) -> None:
        """Delay inputs of a linear node so that all have the same phase."""
        late = timing.latest(node)
        if late is None or node.op in SHAPE_OPS:  # sizes are the same at every step
            return
        if timing.is_early:
            for tensor in {id(t): t for t in node.inputs}.values():
                if (lag := late - timing.last.get(id(tensor), late)) > 0:
                    self._delay(graph, node, tensor, lag)
        timing.last.update({id(t): late for t in node.outputs})

    def _delay(self, graph: Graph, node: Node, tensor: Tensor, lag: int) -> None:
        """Make `node` read the value of `tensor` from `lag` steps before, by a chain of registers."""
        if batch_axes(graph).get(id(tensor)):
            remedy = "Convert with --form folded, or let layers wait for all of their input"
            raise PassError(f"'{tensor.name}' comes late, where the batch is not on axis 0. {remedy}")
        current = tensor
        for number in range(lag):
            name = graph.fresh(f"{tensor.name}_delay")
            sample = _sample(graph, tensor)
            shape = graph.add("Shape", [current], name=f"{name}_shape")
            shape.dtype, shape.shape = np.dtype(np.int64), None
            before = graph.add_input(name, tensor.dtype, sample)
            state = State(name, graph.fresh(f"{name}_out"), sample, str(np.dtype(tensor.dtype)), 0.0)
            graph.add_output(graph.add("Identity", [current], name=f"{name}_{number}"), state.output)
            self.states.append(state)
            current = graph.add("Expand", [before, shape], name=f"{name}_read")
            current.shape = tensor.shape
        node.inputs = [current if t is tensor else t for t in node.inputs]


class _Timing:
    """Start step of each layer of neurons that send one value."""

    def __init__(self, wait: int | None) -> None:
        self._wait = wait
        self._length = 0
        self._kept: list[Tensor] = []  # whose ids are in use
        self.last: dict[int, int] = {}  # by tensor: the step of its last possible spike

    @property
    def is_early(self) -> bool:
        """Whether layers start before their input is complete."""
        return self._wait is not None and self._wait < self._length

    def start(self, node: Node) -> int:
        """The step at which `node` starts."""
        length = get(node.op).length(node.attrs)
        self._length = max(self._length, length)
        last = self.last.get(id(node.inputs[0]))
        missed = 0 if self._wait is None else max(length - self._wait, 0)  # phases of its input when it starts
        return 0 if last is None else max(last - missed, 0)

    def starts(self, node: Node, start: int) -> None:
        """Record that `node`, now a single step, starts at `start`."""
        self.last[id(node.outputs[0])] = start + len(node.attrs.get("levels", node.attrs.get("thresholds", ()))) - 1
        self._kept.append(node.outputs[0])

    def latest(self, node: Node) -> int | None:
        """The latest end among the neurons that `node` reads; None if there are none."""
        self._kept += node.outputs
        return max((self.last[id(t)] for t in node.inputs if id(t) in self.last), default=None)

    def total(self, graph: Graph) -> int:
        """Number of steps until the input of every output is complete."""
        return max((self.last.get(id(t), self._length - 1) for t in graph.outputs), default=self._length - 1) + 1


def _sample(graph: Graph, tensor: Tensor) -> tuple[int | str | None, ...] | None:
    """The shape of one step of `tensor`."""
    shape = graph.shape(tensor)
    return None if shape is None else ((graph.shape(graph.inputs[0]) or (None,))[0], *shape[1:])


def _single_step(graph: Graph, node: Node, start: int) -> Node:
    """The op that runs one step of `node`, in its place."""
    definition, inputs, name, spikes = get(node.op), list(node.inputs), node.name, node.outputs[0]
    attrs = {**node.attrs, "start": start, **definition.step_attributes(node.attrs)}
    known = graph.provenance(node)
    graph.erase(node)
    value = add_op(graph, definition.single_step, inputs, attrs, name)
    if known.role is not None:
        graph.set_role(value, known.role, known)
    graph.replace_uses(spikes, value)
    found = graph.producer(value)
    assert found is not None
    return found
