# SPDX-License-Identifier: Apache-2.0
"""Base class of the passes: a frozen dataclass whose fields are its options, and which edits a graph in place."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from snncc.errors import PassError
from snncc.ir.graph import Graph, Node

__all__ = ["NodePass", "Pass", "Skip"]

log = logging.getLogger("snncc.passes")

_ROUNDS = 16  # over all nodes; few networks need more


@dataclass(frozen=True)
class Skip:
    """The reason why a candidate node is not rewritten."""

    reason: str


@dataclass(frozen=True)
class Pass(ABC):
    """One rewrite. `repr(pass)` is its line in the log."""

    name: ClassVar[str]

    def requires(self, graph: Graph) -> None:
        """Raise PreconditionError if `graph` is not what the pass expects."""

    @abstractmethod
    def run(self, graph: Graph) -> int:
        """Edit `graph` in place; returns the number of rewrites, 0 if there was nothing to do."""

    def ensures(self, graph: Graph) -> None:
        """Raise PostconditionError if the postcondition of the pass does not hold."""


@dataclass(frozen=True)
class NodePass(Pass):
    """A pass that looks at one node at a time: `match` never edits, `rewrite` edits what was matched."""

    ops: ClassVar[tuple[str, ...]]
    # Rewriting a node may make room for others; this bounds how often all are looked at, it is not a knob.
    max_rounds: ClassVar[int] = 1

    @abstractmethod
    def match(self, graph: Graph, node: Node) -> Any | Skip | None:
        """The argument of `rewrite`, a Skip with the reason, or None for a node that the pass does not concern."""

    @abstractmethod
    def rewrite(self, graph: Graph, node: Node, match: Any) -> None:
        """Rewrite `node`."""

    def run(self, graph: Graph) -> int:
        """Visit snapshots of the nodes until nothing matches; long chains of rewrites are then followed
        node by node.
        """
        total = 0
        for number in range(self.max_rounds):
            done = self._round(graph, graph.nodes(*self.ops))
            total += len(done)
            if not done or self.max_rounds == 1:
                return total
            if number >= _ROUNDS:
                total += self._follow(graph, done)
        raise self._endless()

    def _follow(self, graph: Graph, done: list[Node]) -> int:
        """Visit added nodes, and rewritten ones that still exist, until nothing is rewritten."""
        total = 0
        for _ in range(len(graph.nodes()) + self.max_rounds):  # what moves on passes each node once
            nodes = [*(n for n in done if n.outputs), *graph.take_added(*self.ops)]
            if not nodes:
                return total
            done = self._round(graph, nodes)
            total += len(done)
        raise self._endless()

    def _endless(self) -> PassError:
        return PassError(f"{self.name} still found work after {self.max_rounds} rounds; please report this model")

    def _round(self, graph: Graph, nodes: Sequence[Node]) -> list[Node]:
        """Visit each of `nodes`; returns those that were rewritten."""
        graph.take_added()
        done = []
        for node in nodes:
            if not node.outputs:  # erased by an earlier rewrite of this round
                continue
            match self.match(graph, node):
                case None:
                    pass
                case Skip(reason):
                    log.debug("%s: skip %s: %s", self.name, node.name, reason)
                case found:
                    with graph.rewriting(node):
                        self.rewrite(graph, node, found)
                    done.append(node)
        return done
