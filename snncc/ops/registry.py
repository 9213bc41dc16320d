# SPDX-License-Identifier: Apache-2.0
"""Registry of op definitions; schema, function body, reference, tests and documentation derive from each."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import onnx
import onnx.parser
from onnx import defs, helper

from snncc.ops.arrays import Array
from snncc.ops.flattened import flattened
from snncc.ops.spike_rules import Activity, SpikeSteps

__all__ = ["DOMAIN", "FLOAT_TYPES", "OPSET", "Attribute", "OpDef", "Parameter", "all_ops", "get", "register"]

DOMAIN = "ai.snncc"
OPSET = 1

# Element types of a neuron's potential, and of the spikes that it sends.
FLOAT_TYPES = ("tensor(float)", "tensor(float16)", "tensor(double)")

_ELEMENTS = {"tensor(int32)": onnx.TensorProto.INT32, "tensor(float)": onnx.TensorProto.FLOAT}

AttributeValues = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """An input or output: `type` is `T` (see `FLOAT_TYPES`) or a concrete ONNX type string.

    `rows(n, attributes)` is the length of an output's first axis, for an input X of n rows; None: n.
    """

    name: str
    type: str
    doc: str
    optional: bool = False
    rows: Callable[[int, AttributeValues], int] | None = None


@dataclass(frozen=True)
class Attribute:
    """A node attribute; all of them are required, because a function body cannot give a default."""

    name: str
    type: defs.OpSchema.AttrType
    doc: str


@dataclass(frozen=True)
class OpDef:
    """Definition of an op.

    `reference(inputs, attributes) -> outputs` is the authoritative definition, in plain numpy, one array per output.
    `body(steps) -> text` writes the same in standard ONNX (onnx's text syntax), unrolled over `steps` table entries; it
    takes every value from the node's attributes, so one body serves all nodes whose tables are that long.
    `examples(rng) -> (inputs, attributes)` draws valid arguments for the parametrised tests.
    """

    name: str
    doc: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    attributes: tuple[Attribute, ...]
    reference: Callable[[Sequence[Array], AttributeValues], tuple[Array, ...]]
    body: Callable[[int], str]
    examples: Callable[[np.random.Generator], tuple[list[Array], dict[str, Any]]]
    # A shorter body for nodes with these attributes, which gives the same outputs to the last bit; None if there is
    # none for them.
    short_body: Callable[[Sequence[AttributeValues]], str | None] = lambda _: None
    # The attribute whose length is the body's number of steps, if the body depends on it; the nodes of one model must
    # agree on it.
    table: str | None = None
    # Whether it is a neuron, rather than arithmetic between neurons.
    neuron: bool = True
    # What its output's first axis holds: samples (""), the time `steps` of each, or the `slices` of their values.
    stacks: Literal["", "steps", "slices"] = ""
    # What a neuron remembers from one call to the next: an input of this name, and the output that follows it.
    states: Mapping[str, str] = field(default_factory=dict)
    # The op that does one of its steps per call, from the attribute `start` on, and what is another attribute there.
    single_step: str = ""
    step_attributes: Callable[[AttributeValues], AttributeValues] = dict
    # What tables hold in steps in which it never fires; of other tables, the last entry is repeated.
    table_padding: Mapping[str, float] = field(default_factory=dict)
    # The potential, or the current of each step, from the inputs by name.
    arriving: Callable[[Mapping[str, Array]], Array] = lambda given: given["X"]
    # Spikes step by step of a neuron that codes a value in one call; None: neither recorded nor counted by step.
    spike_steps: SpikeSteps | None = None
    # Of a neuron over time, whether all spikes have the value `scale`, or that and its negative (`signed`).
    unit_spikes: Literal["", "positive", "signed"] = ""
    # Of a neuron over time whose output is the sum of its spikes so far: the values of its spikes, [T, N, …], in units
    # of `scale`, from all inputs.
    spike_values: Callable[[Mapping[str, Array], AttributeValues], Array] | None = None
    # Bits that a spike carries for its level and sign; 0 if its time says all.
    spike_bits: Callable[[AttributeValues], int] = lambda _: 0
    # Accumulators of a receiver, one for each level; 0 if it adds the weights, shifted or not.
    accumulators: Callable[[AttributeValues], int] = lambda _: 0
    # The membrane potential after each step, [T, …], in units of `scale`; None: not shown.
    membrane: Callable[[Activity, AttributeValues], Array] | None = None
    # The op of which it is a variant: the same spikes from a sum of inputs, or with slices of its value.
    variant_of: str = ""
    # The variant with the further inputs `residual` and `weight`, and that with spike confidence.
    with_residual: str = ""
    with_confidence: str = ""
    since: int = OPSET

    @property
    def adds_slices(self) -> bool:
        """Whether it makes the slices of its output itself, from an input without slices."""
        return self.stacks == "slices" and self.outputs[0].rows is not None

    def length(self, attributes: AttributeValues) -> int:
        """The number of steps over which the body of a node with these attributes is unrolled."""
        return len(attributes[self.table]) if self.table else 0

    def schema(self) -> defs.OpSchema:
        """The onnx schema: types, arity, attributes, and shape inference (outputs have the shape of input 0)."""
        schema = defs.OpSchema(
            self.name,
            DOMAIN,
            self.since,
            doc=self.doc,
            inputs=[_formal(p) for p in self.inputs],
            outputs=[_formal(p) for p in self.outputs],
            type_constraints=[("T", list(FLOAT_TYPES), "Element type of potentials and spike values.")],
            attributes=[defs.OpSchema.Attribute(a.name, a.type, a.doc, required=True) for a in self.attributes],
        )
        schema.set_type_and_shape_inference_function(self._infer)
        return schema

    def function(self, steps: int, opset: int, short: str | None = None, *, flat: bool = False) -> onnx.FunctionProto:
        """The portable body for nodes whose tables have `steps` entries, written for ONNX `opset`.

        `short`: what `short_body` gave for them. `flat`: it computes on two axes, rows and elements, and scales and
        weights must have one element.
        """
        names = (", ".join(p.name for p in group) for group in (self.attributes, self.inputs, self.outputs))
        attributes, inputs, outputs = names
        body = short or self.body(steps)
        if flat:
            arrays = [p.name for p in self.inputs if p.type == "T" or p.name in self.states]
            body = flattened(body, arrays, [p.name for p in self.outputs])
        header = f'<domain: "{DOMAIN}", opset_import: ["": {opset}]>'
        listed = f"<{attributes}> " if attributes else ""
        signature = f"{self.name} {listed}({inputs}) => ({outputs})"
        function = onnx.parser.parse_function(f"{header}\n{signature}\n{{\n{body}\n}}")
        function.doc_string = self.doc
        return function

    def _infer(self, ctx: Any) -> None:
        source = ctx.get_input_type(0)
        if source is None:  # nothing is known of the input
            return
        for index, output in enumerate(self.outputs):
            if index >= ctx.get_num_outputs():
                break
            inferred = onnx.TypeProto()
            inferred.CopyFrom(source)
            if output.type != "T":
                inferred.tensor_type.elem_type = _ELEMENTS[output.type]
            if output.rows is not None and inferred.tensor_type.shape.dim:
                first = inferred.tensor_type.shape.dim[0]
                rows = output.rows(first.dim_value, _attributes(ctx, self)) if first.HasField("dim_value") else None
                first.Clear()
                if rows is not None:
                    first.dim_value = rows
            ctx.set_output_type(index, inferred)


def _attributes(ctx: Any, op: OpDef) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(ctx.get_attribute(a.name)) for a in op.attributes}


def _formal(parameter: Parameter) -> defs.OpSchema.FormalParameter:
    option = defs.OpSchema.FormalParameterOption
    chosen = option.Optional if parameter.optional else option.Single
    return defs.OpSchema.FormalParameter(parameter.name, parameter.type, parameter.doc, param_option=chosen)


_REGISTRY: dict[str, OpDef] = {}


def register(op: OpDef) -> OpDef:
    """Add `op` to the registry and its schema to onnx; registering the same op twice is harmless.

    onnx keeps the inference function, and onnx 1.21 and 1.22 release it after the interpreter, which crashes; so the
    schema goes before that.
    """
    if op.name not in _REGISTRY:
        _REGISTRY[op.name] = op
        if not defs.has(op.name, DOMAIN):
            defs.register_schema(op.schema())
            atexit.register(defs.deregister_schema, op.name, op.since, DOMAIN)
    return _REGISTRY[op.name]


def get(name: str) -> OpDef:
    """The op called `name`; KeyError if there is none."""
    return _REGISTRY[name]


def all_ops() -> tuple[OpDef, ...]:
    """Every op of the domain, in the order of registration."""
    return tuple(_REGISTRY.values())
