# SPDX-License-Identifier: Apache-2.0
"""Unique names, and the provenance of added nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from snncc.ir.graph.queries import GraphQueries, Node, Tensor
from snncc.ir.provenance import SOURCE, Provenance, Role

__all__ = ["GraphNaming"]


class GraphNaming(GraphQueries):
    """The part of `Graph` that records names and provenance."""

    def fresh(self, prefix: str) -> str:
        """An unused name."""
        number = self._numbers.get(prefix, 0)
        while (name := f"{prefix}_{number}" if number else prefix) in self._names:
            number += 1
        self._numbers[prefix] = number
        self._names.add(name)
        return name

    def fresh_prefix(self, prefix: str) -> str:
        """An unused name that, followed by a slash, is not the prefix of any other name."""
        name = self.fresh(prefix)
        while any(known.startswith(f"{name}/") for known in self._names):
            name = self.fresh(prefix)
        return name

    def _free(self, name: str) -> None:
        """Let `fresh` give `name` again."""
        self._names.discard(name)
        prefix, _, number = name.rpartition("_")
        if number.isdecimal():
            self._numbers[prefix] = min(self._numbers.get(prefix, 0), int(number))
        self._numbers.pop(name, None)

    def free_name(self, tensor: Tensor) -> None:
        """Free the name of `tensor`, which is about to be removed, for a new object."""
        self._free(tensor.name)

    @contextmanager
    def rewriting(self, node: Node) -> Iterator[None]:
        """Context in which added nodes have the provenance of `node`, without a role."""
        before, self._rewritten = self._rewritten, self.descent(node)
        try:
            yield
        finally:
            self._rewritten = before

    def set_role(self, tensor: Tensor, role: Role, provenance: Provenance | None = None) -> None:
        """Record the role of the node that computes `tensor`, and its origin if not recorded yet."""
        node = self.producer(tensor)
        assert node is not None
        self._provenance[node.name] = replace(provenance or self.provenance(node), role=role)

    def descent(self, node: Node) -> Provenance:
        """The provenance of replacements of `node`."""
        return replace(self.provenance(node), made_for=node.name, role=None)

    def of_tensor(self, tensor: Tensor) -> Provenance:
        """The provenance of nodes added after `tensor`: made for that input, or for the node that computes it."""
        node = self.producer(tensor)
        return Provenance(tensor.name, tensor.name, SOURCE) if node is None else self.descent(node)
