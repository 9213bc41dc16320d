# SPDX-License-Identifier: Apache-2.0
"""Delta debugging: reduce a model to the smallest one that still shows a fault, for any test of the fault.

Nodes are removed in chunks, first half of them, then quarters, down to single ones. They are cut out, so that their
outputs become inputs of the model, or bypassed, so that their users read their inputs. Then outputs, metadata and large
weights are removed in the same way. Every candidate is a model that onnx's checker accepts; the same model and test
give the same result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import onnx

from snncc.errors import ModelError, OptionError
from snncc.execution.converted_model import CHECKER_ERRORS
from snncc.io.large_models import outline
from snncc.io.model_reader import Source, check_weights, model_name, read_model
from snncc.io.progress import track
from snncc.tools.debug.subgraphs import SubgraphExtractor

__all__ = ["Reduction", "reduce_model"]

Item = TypeVar("Item")
Steps: TypeAlias = Generator[None, None, Item]  # pauses after each candidate

_HEAVY = 2**16  # bytes of a weight that is worth a candidate without it


@dataclass(frozen=True)
class Reduction:
    """Result of a reduction.

    Attributes:
        model: The smallest model that still shows the fault; its weights are in it.
        before: Number of nodes of the given model.
        checks: Number of candidates that were tried.
    """

    model: onnx.ModelProto
    before: int
    checks: int

    @property
    def nodes(self) -> int:
        """Number of nodes of the smallest model."""
        return len(self.model.graph.node)


def reduce_model(source: Source, shows_fault: Callable[[onnx.ModelProto], bool]) -> Reduction:
    """The smallest part of a model, converted or not, that still shows a fault.

    Args:
        source: Path, bytes or ModelProto.
        shows_fault: Whether a candidate still shows it; called once per candidate.

    Raises:
        ModelError: the model cannot be read, or is not valid.
        OptionError: the given model does not show the fault.
    """
    model = read_model(source)
    check_weights(model, model_name(source))
    search = _Search(model, model_name(source), shows_fault)
    for _ in track(search.run(), "reducing"):
        pass
    return Reduction(search.best, len(model.graph.node), search.checks)


class _Search:
    """The smallest model so far."""

    def __init__(self, model: onnx.ModelProto, name: str, shows_fault: Callable[[onnx.ModelProto], bool]) -> None:
        self.best = model
        self.checks = 0
        self._name = name
        self._shows_fault = shows_fault
        self._seen: set[bytes] = set()
        reason = _fault(model, full=False)
        if reason:
            remedy = "Only valid models are reduced; export it again."
            raise ModelError(f"{name}: not a valid ONNX model ({reason}). {remedy}")
        self._full = not _fault(model, full=True)  # shapes need not agree where they never did

    def run(self) -> Steps[None]:
        """Try candidates until none is smaller."""
        if not self._tried(self.best):
            remedy = "The check must say yes (exit status 0) where the fault shows, and no elsewhere."
            raise OptionError(f"{self._name} shows no fault as it is. {remedy}")
        yield
        before: onnx.ModelProto | None = None
        while self.best is not before:
            before = self.best
            yield from self._fewer_nodes()
            yield from self._bypasses(0)
            yield from self._bypasses(-1)
            yield from self._fewer_outputs()
        yield from self._less_data()

    def _fewer_nodes(self) -> Steps[None]:
        parts = SubgraphExtractor(self.best)
        yield from self._smallest(list(self.best.graph.node), parts.cut)

    def _bypasses(self, choice: int) -> Steps[None]:
        parts, nodes = SubgraphExtractor(self.best), list(self.best.graph.node)
        outputs = [v.name for v in self.best.graph.output]

        def without(kept: Sequence[int]) -> onnx.ModelProto | None:
            rest = parts.bypass(nodes, set(range(len(nodes))) - set(kept), choice)
            made = {name for n in rest or () for name in n.output}
            return None if rest is None else parts.cut(rest, [name for name in outputs if name in made] or None)

        yield from self._smallest(range(len(nodes)), without)

    def _fewer_outputs(self) -> Steps[None]:
        parts, nodes = SubgraphExtractor(self.best), list(self.best.graph.node)
        outputs = [v.name for v in self.best.graph.output]
        yield from self._smallest(outputs, lambda left: parts.cut(nodes, left))

    def _less_data(self) -> Steps[None]:
        """Without metadata, then with large weights as inputs."""
        if self.best.metadata_props:
            bare = onnx.ModelProto()
            bare.CopyFrom(self.best)
            del bare.metadata_props[:]
            self._try(bare)
            yield
        parts, nodes = SubgraphExtractor(self.best), list(self.best.graph.node)
        outputs = [v.name for v in self.best.graph.output]
        heavy = parts.large_weights(nodes, _HEAVY)

        def with_weights(kept: Sequence[str]) -> onnx.ModelProto | None:
            return parts.cut(nodes, outputs, [name for name in heavy if name not in kept])

        yield from self._smallest(heavy, with_weights, least=0)

    def _smallest(
        self, items: Sequence[Item], build: Callable[[Sequence[Item]], onnx.ModelProto | None], least: int = 1
    ) -> Steps[None]:
        """Remove chunks of `items` of decreasing size, while the model that `build` makes of the rest
        shows the fault.
        """
        chunk = len(items) if least == 0 else len(items) // 2
        while chunk:
            start, before = 0, len(items)
            while start < len(items):
                rest = [*items[:start], *items[start + chunk :]]
                candidate = build(rest) if len(rest) >= least else None
                if candidate is not None and self._try(candidate):
                    items = rest
                else:
                    start += chunk
                yield
            if chunk > 1 or len(items) == before:  # single ones until none can be removed
                chunk //= 2

    def _try(self, candidate: onnx.ModelProto) -> bool:
        """Accept `candidate` if it still shows the fault; invalid or repeated candidates are skipped."""
        digest = _digest(candidate)
        new = digest not in self._seen
        self._seen.add(digest)
        if new and not _fault(candidate, full=self._full) and self._tried(candidate):
            self.best = candidate
            return True
        return False

    def _tried(self, candidate: onnx.ModelProto) -> bool:
        self.checks += 1
        return self._shows_fault(candidate)


def _digest(model: onnx.ModelProto) -> bytes:
    """Digest of all except the values of large weights, which are the same in all candidates."""
    names = "\0".join(weight.name for weight in model.graph.initializer)
    return hashlib.sha256(outline(model).SerializeToString(deterministic=True) + names.encode()).digest()


def _fault(model: onnx.ModelProto, *, full: bool) -> str | None:
    """The reason why onnx's checker rejects `model`."""
    try:
        onnx.checker.check_model(outline(model), full_check=full)
    except CHECKER_ERRORS as error:
        return " ".join(str(error).split())[:300]
    return None
