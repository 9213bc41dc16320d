# SPDX-License-Identifier: Apache-2.0
"""Tests of the manager, and of what all passes have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from onnx import numpy_helper

from snncc.errors import PassError, PostconditionError
from snncc.ir.graph import Graph
from snncc.passes.base import Pass
from snncc.passes.canonicalise.remove_identity import RemoveIdentity
from snncc.passes.manager import PassManager
from snncc.passes.pipeline import PASSES

FLAT = "net (float[N,4] x) => (float[N,4] y)"


@dataclass(frozen=True)
class Spoil(Pass):
    name: ClassVar[str] = "spoil"

    def run(self, _graph: Graph) -> int:
        return 1

    def ensures(self, _graph: Graph) -> None:
        raise PostconditionError("nothing was done to 'x'")


@dataclass(frozen=True)
class Misfit(Pass):
    name: ClassVar[str] = "misfit"

    def run(self, graph: Graph) -> int:
        weight = graph.constant("wide", np.ones((7, 2), np.float32))
        graph.nodes()[0].inputs[1] = weight
        return 1


def test_the_manager_says_whose_fault_it_is(build) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {{ y = Relu (x) }}", {}))
    with pytest.raises(PassError, match=r"^nothing was done to 'x' \(spoil\)\. Please report this model$"):
        PassManager([RemoveIdentity(), Spoil()], verify=True).run(graph)


def test_shapes_that_a_pass_leaves_are_told_in_words(build) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {{ [head] y = MatMul (x, w) }}", {"w": (4, 4)}))
    with pytest.raises(PassError, match=r"rewritten \(misfit\): MatMul 'head': Incompatible dimensions .*--coding fs"):
        PassManager([Misfit()]).run(graph)


def test_every_pass_has_a_kebab_name_and_a_docstring() -> None:
    for name, each in PASSES.items():
        assert name == each.name
        assert each.__doc__


def test_the_comparison_sees_one_percent(build, assert_equivalent) -> None:
    model = build(f"{FLAT} {{ y = Mul (x, k) }}", {"k": (4,)})
    spoilt = build(f"{FLAT} {{ y = Mul (x, k) }}", {"k": (4,)})
    value = numpy_helper.to_array(spoilt.graph.initializer[0]) * np.float32(1.01)
    spoilt.graph.initializer[0].CopyFrom(numpy_helper.from_array(value, "k"))
    with pytest.raises(AssertionError):
        assert_equivalent(model, spoilt)
