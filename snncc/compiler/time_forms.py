# SPDX-License-Identifier: Apache-2.0
"""The three forms of a network that runs over time.

`folded`: all time steps stacked on the batch axis, one pass. `step`: one time step, with the neurons' states as inputs
and outputs, for real-time hosts. `loop`: the same inside an ONNX Loop, `chunk` steps per iteration, so that a long run
needs no more memory than a short one; nodes that depend on the input alone run once, before it. All three do the same
arithmetic in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import onnx

from snncc.analysis.activation_sites import activation_nodes
from snncc.coding import Coding
from snncc.compiler.agreement import settled_states
from snncc.compiler.options import FORMS
from snncc.compiler.time_loop import loop_model
from snncc.errors import OptionError
from snncc.ir.graph import Graph
from snncc.passes.manager import Observer, PassManager
from snncc.passes.time.to_single_steps import ToSingleSteps

__all__ = ["FORMS", "Form", "choose_form", "in_form"]

_BATCH = 32  # samples that a user is taken to run at once
_MEMORY = 2**25  # bytes that a layer of the folded form may then take
_CACHE = 2**19  # bytes that a layer may take in one turn of a loop, per sample


@dataclass(frozen=True)
class Form:
    """One of `FORMS` except `auto`, and the number of time steps per piece."""

    name: str
    chunk: int = 1


def choose_form(form: str, coding: Coding, graph: Graph, *, anytime: bool = False) -> Form:
    """`form` itself, or for `auto` the best form for `graph`, the ReLU network.

    Raises:
        OptionError: the form cannot give the outputs of every step.
    """
    if anytime and not coding.answers_every_step:
        raise OptionError(f"anytime needs outputs at every time step, which {coding.name} coding does not have here")
    if anytime and form in ("loop", "step"):
        raise OptionError(f"anytime needs the folded form, not {form}; a step network gives its outputs at every step")
    layer = _activations(graph)
    if form == "auto":
        large = coding.answers_every_step and coding.slices * layer * _BATCH > _MEMORY
        form = "loop" if large and not anytime else "folded"
    over_time = coding.stepwise.slices > 1
    return Form(form, _chunk(coding.slices, _CACHE // max(layer, 1)) if over_time and form == "loop" else 1)


def _activations(graph: Graph) -> int:
    """Bytes of the largest layer of neurons, in and out, for one sample."""
    sizes = [graph.shape(n.inputs[0]) or () for n in activation_nodes(graph)]
    return max((8 * math.prod(d for d in s[1:] if isinstance(d, int)) for s in sizes), default=0)


def in_form(
    graph: Graph, coding: Coding, form: Form, metadata: Mapping[str, Any], observer: Observer | None = None
) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """(The model, its metadata) of the lowered `graph` in `form`."""
    described: dict[str, Any] = {"form": form.name, "steps": coding.slices}
    if form.name == "folded":
        return graph.to_proto(), {**metadata, "snncc.form": described}
    through = ToSingleSteps(form.chunk, coding.wait)
    PassManager((through,), observer=observer).run(graph)
    steps = through.steps[0] or coding.stepwise.slices
    described |= {"steps": steps, "chunk": form.chunk}
    if form.name == "loop":
        model = loop_model(graph.to_proto(), through.states, steps // form.chunk)
        return model, {**metadata, "snncc.form": described}
    described["states"] = [asdict(s) for s in settled_states(graph, through.states)]
    return graph.to_proto(), {**metadata, "snncc.form": described}


def _chunk(steps: int, most: int) -> int:
    """The largest divisor of `steps` that is at most `most`."""
    return max(c for c in range(1, min(steps, max(most, 1)) + 1) if steps % c == 0)
