# SPDX-License-Identifier: Apache-2.0
"""Common interface to all implementations of an op."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx.reference import ReferenceEvaluator

from snncc import ops
from snncc.ops.registry import Array, OpDef
from snncc.runtime import create_session
from snncc.runtime.native import Library, Neuron

OPSET = 20
KINDS = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64}
Attributes = dict[str, Any]


@pytest.fixture
def library(request: pytest.FixtureRequest) -> Iterator[Library]:
    """The native library with the CPU variant named by the parameter; kernels inside onnxruntime use it too."""
    loaded = Library()
    before = loaded.cpu_variant
    if not loaded.use_cpu_variant(request.param):
        pytest.skip(f"this machine has no {request.param}")
    yield loaded
    loaded.use_cpu_variant(before)


class Implementations:
    """What computes an op; all of them take arrays and attributes as `OpDef.reference` does."""

    def reference(self, op: OpDef, inputs: Sequence[Array], attributes: Attributes) -> list[Array]:
        with np.errstate(all="ignore"):
            return list(op.reference(list(inputs), attributes))

    def body(self, op: OpDef, inputs: Sequence[Array], attributes: Attributes) -> list[Array]:
        """The function body in onnxruntime, without the library."""
        model = self.model(op, inputs, attributes)
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return list(session.run(None, self.feeds(op, inputs)))

    def evaluator(self, op: OpDef, inputs: Sequence[Array], attributes: Attributes) -> list[Array]:
        """The function body in onnx's own evaluator."""
        with np.errstate(all="ignore"):
            return list(ReferenceEvaluator(self.model(op, inputs, attributes)).run(None, self.feeds(op, inputs)))

    def session(self, op: OpDef, inputs: Sequence[Array], attributes: Attributes) -> list[Array]:
        """The kernel in onnxruntime."""
        session = create_session(self.model(op, inputs, attributes), device="cpu")
        return list(session.run(None, self.feeds(op, inputs)))

    def native(
        self, op: OpDef, inputs: Sequence[Array], attributes: Attributes, wanted: Sequence[bool] | None = None
    ) -> list[Array | None]:
        """The kernel without onnxruntime; None for the outputs that are not wanted."""
        outputs: list[Array | None] = [
            np.full(shape, -5, dtype) if is_wanted else None
            for (shape, dtype), is_wanted in zip(
                self.results(op, inputs, attributes), wanted or [True] * len(op.outputs), strict=True
            )
        ]
        self.native_into(op, inputs, attributes, outputs)
        return outputs

    def native_into(
        self, op: OpDef, inputs: Sequence[Array], attributes: Attributes, outputs: Sequence[Array | None]
    ) -> None:
        Neuron(op.name, inputs, attributes, outputs).run()

    def results(self, op: OpDef, inputs: Sequence[Array], attributes: Attributes) -> list[tuple[tuple[int, ...], Any]]:
        """Shape and type of each output."""
        x = inputs[0]
        rows = [x.shape[0] if p.rows is None else p.rows(x.shape[0], attributes) for p in op.outputs]
        kinds = [KINDS.get(p.type, x.dtype) for p in op.outputs]
        return [((count, *x.shape[1:]), kind) for count, kind in zip(rows, kinds, strict=True)]

    def model(self, op: OpDef, inputs: Sequence[Array], attributes: Attributes) -> onnx.ModelProto:
        """One node, and the op's function body."""
        names = ([p.name for p in op.inputs], [p.name for p in op.outputs])
        node = onnx.helper.make_node(op.name, *names, name="the_node", domain=ops.DOMAIN, **attributes)
        value, kind = onnx.helper.make_tensor_value_info, onnx.helper.np_dtype_to_tensor_dtype
        given = [value(n, kind(a.dtype), a.shape) for n, a in zip(names[0], inputs, strict=True)]
        results = self.results(op, inputs, attributes)
        out = [value(n, kind(np.dtype(t)), shape) for n, (shape, t) in zip(names[1], results, strict=True)]
        graph = onnx.helper.make_graph([node], op.name, given, out)
        opsets = [onnx.helper.make_opsetid("", OPSET), onnx.helper.make_opsetid(ops.DOMAIN, ops.OPSET)]
        body = op.function(op.length(attributes), OPSET)
        return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=[body])

    def feeds(self, op: OpDef, inputs: Sequence[Array]) -> dict[str, Array]:
        return {parameter.name: array for parameter, array in zip(op.inputs, inputs, strict=True)}

    def cast(self, op: OpDef, inputs: Sequence[Array], dtype: str) -> list[Array]:
        """With the element type `dtype` where the op leaves it open."""
        with np.errstate(over="ignore"):
            pairs = zip(op.inputs, inputs, strict=True)
            return [np.asarray(array, dtype if p.type == "T" else array.dtype) for p, array in pairs]

    def assert_same(self, actual: Sequence[Array | None], expected: Sequence[Array], *, signs: bool = True) -> None:
        """Bit for bit; all NaN are one. `signs`: so are not the two zeros, which onnxruntime's Where makes one."""
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert one is not None
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            np.testing.assert_array_equal(one, other)
            if signs and one.dtype.kind == "f":
                numbers = ~np.isnan(other)
                np.testing.assert_array_equal(np.signbit(one[numbers]), np.signbit(other[numbers]))


@pytest.fixture
def run() -> Implementations:
    return Implementations()


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of vectors computed from the papers' formulas."""
    path = Path(os.environ.get("SNNCC_SHARED", Path(__file__).parents[3] / "shared")) / "golden"
    if not path.is_dir():
        pytest.skip(f"no golden vectors in {path}; set SNNCC_SHARED")
    return path
