# SPDX-License-Identifier: Apache-2.0
"""Topological sort without recursion, for graphs of any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from snncc.errors import ModelError

__all__ = ["by_level"]

Item = TypeVar("Item")


def by_level(items: Sequence[Item], sources: Callable[[Item], Iterable[Item]]) -> list[Item]:
    """`items` by the length of the longest path to each; items of one length in search order.

    The search goes through `items` in their order, and from each first to its `sources`, in theirs.

    Raises:
        ModelError: an item leads to itself.
    """
    levels: dict[int, int] = {}
    met: list[Item] = []
    opened: set[int] = set()
    for item in items:
        pending = [item]
        while pending:
            top = pending[-1]
            if id(top) in levels:
                pending.pop()
                continue
            before = list(sources(top))
            missing = [source for source in before if id(source) not in levels]
            if not missing:
                levels[id(top)] = max((levels[id(source)] for source in before), default=-1) + 1
                met.append(top)
            elif id(top) in opened:
                raise ModelError("the network's nodes form a cycle. Export the model again.")
            else:
                opened.add(id(top))
                pending += reversed(missing)
    return sorted(met, key=lambda item: levels[id(item)])
