# SPDX-License-Identifier: Apache-2.0
"""Run passes in order, check their pre- and postconditions, and name the pass that failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx

from snncc.errors import PassError, PostconditionError, PreconditionError, SnnccError, in_words
from snncc.io.large_models import outline
from snncc.ir.graph import Graph
from snncc.passes.base import NodePass, Pass

__all__ = ["PassManager", "Report"]

log = logging.getLogger("snncc.passes")

Observer = Callable[[int, Pass, Graph], None]


@dataclass(frozen=True)
class Report:
    """Number of rewrites of each pass, in execution order."""

    rewrites: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class PassManager:
    """Runs `passes`; with `verify` the graph must satisfy onnx's checker after each of them."""

    passes: Sequence[Pass]
    verify: bool = False
    observer: Observer | None = None

    def run(self, graph: Graph) -> Report:
        """Edit `graph` in place; raises PassError, with node and op, if a pass leaves a graph that onnx rejects."""
        done: list[tuple[str, int]] = []
        for index, each in enumerate(self.passes):
            try:
                each.requires(graph)
                if isinstance(each, NodePass) and not graph.nodes(*each.ops):  # spares inferring shapes
                    done.append((each.name, 0))
                    continue
                count = each.run(graph)
                each.ensures(graph)
                if count:
                    graph.infer_shapes()
                if self.verify:
                    onnx.checker.check_model(outline(graph.to_proto()), full_check=True)
            except (PreconditionError, PostconditionError) as error:  # a fault of ours
                raise type(error)(f"{error} ({each.name}). Please report this model") from error
            except SnnccError:
                log.debug("raised in %s; passes done before it: %s", each, _names(done))
                raise
            except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
                log.debug("raised in %s; passes done before it: %s", each, _names(done))
                raise PassError(_explained(each, error)) from error
            log.info("%s: %d", each, count)
            done.append((each.name, count))
            if self.observer:
                self.observer(index, each, graph)
        return Report(tuple(done))


def _names(done: Sequence[tuple[str, int]]) -> str:
    return ", ".join(name for name, _ in done) or "none"


def _explained(each: Pass, error: Exception) -> str:
    """onnx's errors on the graph after pass `each`, in terms of the user's network."""
    what = f"shapes no longer fit together once the network is rewritten ({each.name}): {in_words(error)}"
    return f"{what}. Convert with --coding fs, cut the graph before it, or report this model"
