# SPDX-License-Identifier: Apache-2.0
"""Lifetimes of tensors in a partial run: which known tensors are still needed for the wanted ones.

A node is spent once each of its outputs is known or no longer needed. A tensor is no longer needed once all its users
are spent and it is not wanted itself. Every node is therefore visited once, for any number of known tensors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import onnx

from snncc.ir.scopes import reads

__all__ = ["Lifetimes"]


class Lifetimes:
    """The known and the needed tensors of a network.

    Args:
        nodes: The network, in topological order.
        known: Names of tensors that are known from the beginning.
        wanted: Names of tensors that will be requested, as often as they will be released.
    """

    def __init__(self, nodes: Sequence[onnx.NodeProto], known: Iterable[str], wanted: Iterable[str]) -> None:
        self._read = [list(dict.fromkeys(reads(node))) for node in nodes]
        self._makers = {out: index for index, node in enumerate(nodes) for out in node.output if out}
        self._pending = [len(set(filter(None, node.output))) for node in nodes]  # outputs that are yet to be settled
        self._readers = Counter(name for names in self._read for name in names)
        self._wanted = Counter(wanted)
        self._settled = set(known)
        for out in reversed(self._makers):
            if not self.needed(out):
                list(self._settle(out))

    def needed(self, name: str) -> bool:
        """Whether `name` is wanted, or a node on a path to a wanted tensor reads it."""
        return self._readers[name] > 0 or self._wanted[name] > 0

    def readers(self, name: str) -> int:
        """The number of pending nodes that read `name`."""
        return self._readers[name]

    def learn(self, name: str) -> list[str]:
        """Record `name` as known; returns the tensors that are no longer needed."""
        return list(self._settle(name))

    def release(self, name: str) -> list[str]:
        """Decrement the number of uses of the wanted `name`; returns the tensors that are no longer needed."""
        self._wanted[name] -= 1
        return [] if self.needed(name) else [name, *self._settle(name)]

    def _settle(self, first: str) -> Iterator[str]:
        pending = [first]
        while pending:
            name = pending.pop()
            if name in self._settled:
                continue
            self._settled.add(name)
            maker = self._makers.get(name)
            if maker is None:
                continue
            self._pending[maker] -= 1
            if self._pending[maker]:
                continue
            for read in self._read[maker]:
                self._readers[read] -= 1
                if not self.needed(read):
                    yield read
                    pending.append(read)
