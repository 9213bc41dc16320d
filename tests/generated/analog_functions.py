# SPDX-License-Identifier: Apache-2.0
"""Networks that compare, select, count or look up values, between layers and at the outputs.

What is decided by activations is decided with room to spare: samples that are close to a tie are left out, since a code
of finitely many steps may decide them either way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.generated.fused_ops import Body
from tests.generated.harness import Case, run_plain

__all__ = ["draw"]

_DRAWN, _SAMPLES, _FEWEST = 600, 24, 6
_ROOM = 0.25  # of the deviation of what is compared


class Decided(Body):
    """A network whose tensor `h` [N, 3] is what decisions are made by."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng, int(rng.integers(3, 7)), curves=False)
        hidden = self.line(f"MatMul (x, {self.weight(self.width, 6)})")
        hidden = self.line(f"Relu ({self.line(f'Add ({hidden}, {self.weight(6, scale=0.4)})')})")
        self.lines.append(f"h = MatMul ({hidden}, {self.weight(6, 3)})")
        self.entry = f"float[N, {self.width}] x"
        self.feeds: dict[str, npt.NDArray[Any]] = {"x": rng.normal(0.1, 1, (_DRAWN, self.width)).astype(np.float32)}
        self.values = run_plain(self.model(self.entry, "float[N, 3] h", 21), self.feeds)[0]
        self.room = _ROOM * self.values.std()
        self.far = np.ones(_DRAWN, bool)

    def threshold(self) -> float:
        """A value of `h` with room around it; samples without are left out."""
        chosen = float(np.quantile(self.values, self.rng.uniform(0.3, 0.7)))
        self.far &= (np.abs(self.values - chosen) > self.room).all(1)
        return chosen

    def ordered(self) -> None:
        """Leave out samples in which two of `h` are about as large."""
        self.far &= (np.diff(np.sort(self.values, axis=1), axis=1) > self.room).all(1)

    def hidden(self, tensor: str, width: int) -> str:
        """A layer of neurons after `tensor`."""
        made = self.line(f"MatMul ({tensor}, {self.weight(width, 4)})")
        made = self.line(f"Relu ({self.line(f'Add ({made}, {self.weight(4, scale=0.4)})')})")
        return self.line(f"MatMul ({made}, {self.positive(4, 3)})")

    def case(self, tensor: str, text: str, outputs: str = "", shape: str = "N, 3") -> Case | None:
        """The case, with the samples that are clear."""
        self.lines.append(f"y = Identity ({tensor})")
        model = self.model(self.entry, f"float[{shape}] y{outputs}", 21)
        chosen = np.flatnonzero(self.far)[:_SAMPLES]
        if len(chosen) < _FEWEST:
            return None
        return Case(model, {k: v[chosen] for k, v in self.feeds.items()}, f"{text}: {'; '.join(self.lines)}")


def draw(rng: np.random.Generator) -> Case:
    """A network of one of the kinds, and samples that it decides clearly."""
    while True:
        kind = str(rng.choice(list(_BY_KIND)))
        found = _BY_KIND[kind](rng, Decided(rng))
        if found is not None:
            return found


def _maybe_hidden(rng: np.random.Generator, net: Decided, tensor: str, width: int) -> str:
    """Neurons after `tensor`, or synapses only."""
    if rng.random() < 0.6:
        return net.hidden(tensor, width)
    return net.line(f"MatMul ({tensor}, {net.weight(width, 3)})")


def _arg(rng: np.random.Generator, net: Decided) -> Case | None:
    net.ordered()
    op, keep = rng.choice(["ArgMax", "ArgMin"]), int(rng.integers(2))
    net.lines.append(f"a = {op} <axis = {rng.choice([1, -1])}, keepdims = {keep}> (h)")
    return net.case(net.line("Relu (h)"), "arg", f", int64[{'N, 1' if keep else 'N'}] a")


def _cast(rng: np.random.Generator, net: Decided) -> Case | None:
    net.ordered()
    best = net.line("ArgMax <axis = 1, keepdims = 1> (h)")
    number = net.line(f"Cast <to = {rng.choice([1, 6])}> ({best})")
    if rng.random() < 0.5:
        net.lines.append(f"k = Cast <to = 6> ({number})")
        return net.case(net.line("Relu (h)"), "cast", ", int32[N, 1] k")
    real = net.line(f"Cast <to = 1> ({number})")
    return net.case(_maybe_hidden(rng, net, net.line(f"Concat <axis = 1> ({real}, h)"), 4), "cast")


def _clamp(rng: np.random.Generator, net: Decided) -> Case | None:
    low, high = (net.given(q) for q in np.quantile(net.values, [0.25, 0.75]))
    first = net.line(f"Where ({net.line(f'Less (h, {low})')}, {low}, h)")
    both = net.line(f"Where ({net.line(f'Greater ({first}, {high})')}, {high}, {first})")
    return net.case(_maybe_hidden(rng, net, both, 3), "clamp")


def _compare(rng: np.random.Generator, net: Decided) -> Case | None:
    op = rng.choice(["Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
    found = net.line(f"{op} (h, {net.given(net.threshold())})")
    other = net.line(f"{op} (h, {net.given(net.threshold())})")
    net.lines.append(f"g = {rng.choice(['And', 'Or', 'Xor'])} ({found}, {other})")
    if rng.random() < 0.5:
        return net.case(net.line("Relu (h)"), "compare", ", bool[N, 3] g")
    return net.case(_maybe_hidden(rng, net, net.line("Cast <to = 1> (g)"), 3), "compare", ", bool[N, 3] g")


def _cumulative(rng: np.random.Generator, net: Decided) -> Case | None:
    net.weights["axis"] = np.int64(1)
    return net.case(_maybe_hidden(rng, net, net.line("CumSum (h, axis)"), 3), "cumulative")


def _divide(rng: np.random.Generator, net: Decided) -> Case | None:
    zero, one = net.given(0.0), net.given(1.0)
    positive = net.line("Relu (h)")
    none = net.line(f"Equal ({net.line(f'Add ({positive}, {one})')}, {zero})")
    safe = net.line(f"Where ({none}, {one}, {net.line(f'Add ({positive}, {one})')})")
    quotient = net.line(f"Where ({none}, {zero}, {net.line(f'Div (h, {safe})')})")
    return net.case(_maybe_hidden(rng, net, quotient, 3), "divide")


def _elements(rng: np.random.Generator, net: Decided) -> Case | None:
    net.ordered()
    net.weights["k"] = np.array([2])
    best, places = net.fresh(), net.fresh()
    net.lines.append(f"{best}, {places} = TopK <axis = -1> (h, k)")
    taken = net.line(f"GatherElements <axis = 1> (h, {places})")
    return net.case(_maybe_hidden(rng, net, net.line(f"Add ({taken}, {best})"), 2), "elements")


def _embedding(rng: np.random.Generator, net: Decided) -> Case | None:
    """Ids that are given as floating-point numbers."""
    net.lines.clear()
    rows, kind = int(rng.integers(4, 12)), rng.choice([6, 7])
    looked_up = net.line(f"Gather ({net.weight(rows, 4)}, {net.line(f'Cast <to = {kind}> (x)')})")
    net.feeds = {"x": rng.integers(0, rows, (_DRAWN, 3)).astype(np.float32)}
    net.entry = "float[N, 3] x"
    return net.case(net.hidden(looked_up, 4), "embedding", shape="N, 3, 3")


def _fill(rng: np.random.Generator, net: Decided) -> Case | None:
    above = net.line(f"{rng.choice(['Greater', 'Less'])} (h, {net.given(net.threshold())})")
    filled = net.line(f"Where ({above}, h, {net.given(rng.normal())})")
    return net.case(_maybe_hidden(rng, net, filled, 3), "fill")


def _gather(rng: np.random.Generator, net: Decided) -> Case | None:
    net.ordered()
    net.lines.append("a = ArgMax <axis = 1, keepdims = 0> (h)")
    row = net.line(f"Gather ({net.weight(3, 4)}, a)")
    outputs = ", int64[N] a" if rng.random() < 0.5 else ""
    return net.case(_maybe_hidden(rng, net, row, 4), "gather", outputs)


def _input(rng: np.random.Generator, net: Decided) -> Case | None:
    """The input itself is compared."""
    at = net.given(0.2)
    net.far &= (np.abs(net.feeds["x"] - 0.2) > 0.01).all(1)
    filled = net.line(f"Where ({net.line(f'Greater (x, {at})')}, x, {net.given(-0.5)})")
    return net.case(net.hidden(filled, net.width), "input")


def _mask(rng: np.random.Generator, net: Decided) -> Case | None:
    """A mask is an input of its own."""
    net.entry += ", bool[N, 3] m"
    net.feeds["m"] = rng.random((_DRAWN, 3)) > 0.4
    source = net.line("Relu (h)") if rng.random() < 0.5 else "h"
    return net.case(_maybe_hidden(rng, net, net.line(f"Where (m, {source}, {net.given(0.3)})"), 3), "mask")


def _mixed(rng: np.random.Generator, net: Decided) -> Case | None:
    """Of the columns of an input one holds ids."""
    net.lines.clear()
    rows = int(rng.integers(4, 9))
    net.weights |= {"zero": np.array([0]), "one": np.array([1]), "end": np.array([4])}
    ids = net.line(f"Cast <to = 7> ({net.line('Slice (x, zero, one, one)')})")
    flat = net.line(f"Flatten ({net.line(f'Gather ({net.weight(rows, 4)}, {ids})')})")
    joined = net.line(f"Concat <axis = 1> ({flat}, {net.line('Slice (x, one, end, one)')})")
    first = rng.integers(0, rows, (_DRAWN, 1))
    net.feeds = {"x": np.concatenate([first, rng.normal(0, 1, (_DRAWN, 3))], 1).astype(np.float32)}
    net.entry = "float[N, 4] x"
    return net.case(net.hidden(joined, 7), "mixed")


def _nonzero(rng: np.random.Generator, net: Decided) -> Case | None:
    net.lines.append(f"z = NonZero ({net.line(f'Greater (h, {net.given(net.threshold())})')})")
    return net.case(net.line("Relu (h)"), "nonzero", ", int64[2, K] z")


def _onehot(rng: np.random.Generator, net: Decided) -> Case | None:
    net.ordered()
    net.weights |= {"depth": np.int64(3)}
    best = net.line("ArgMax <axis = 1, keepdims = 0> (h)")
    one = net.line(f"OneHot <axis = 1> ({best}, depth, {net.given([0.0, 1.0])})")
    return net.case(_maybe_hidden(rng, net, net.line(f"Mul ({one}, h)"), 3), "onehot")


def _suppress(rng: np.random.Generator, net: Decided) -> Case | None:
    """Boxes that do not overlap, chosen by their scores."""
    net.ordered()
    corners = np.array([[[0, 0, 1, 1], [0, 3, 1, 4], [3, 0, 4, 1]]])
    net.weights |= {"two": np.array([2]), "one": np.array([1]), "most": np.array([int(rng.integers(1, 4))])}
    moved = net.line(f"Mul ({net.line('Unsqueeze (h, two)')}, {net.given(0.01)})")
    boxes, scores = net.line(f"Add ({moved}, {net.given(corners)})"), net.line("Unsqueeze (h, one)")
    limits = f"{net.given([0.5])}, {net.given([net.threshold()])}"
    net.lines.append(f"p = NonMaxSuppression ({boxes}, {scores}, most, {limits})")
    return net.case(net.line("Relu (h)"), "suppress", ", int64[K, 3] p")


def _topk(rng: np.random.Generator, net: Decided) -> Case | None:
    net.ordered()
    net.weights["k"] = np.array([2])
    best = net.fresh()
    order = f"largest = {rng.integers(2)}"
    net.lines.append(f"{best}, p = TopK <axis = 1, {order}> (h, k)")
    tensor = net.line(f"Mul ({best}, {net.given(2.0)})") if rng.random() < 0.5 else best
    return net.case(tensor, "topk", ", int64[N, 2] p", "N, 2")


_BY_KIND: dict[str, Callable[[np.random.Generator, Decided], Case | None]] = {
    "arg": _arg,
    "cast": _cast,
    "clamp": _clamp,
    "compare": _compare,
    "cumulative": _cumulative,
    "divide": _divide,
    "elements": _elements,
    "embedding": _embedding,
    "fill": _fill,
    "gather": _gather,
    "input": _input,
    "mask": _mask,
    "mixed": _mixed,
    "nonzero": _nonzero,
    "onehot": _onehot,
    "suppress": _suppress,
    "topk": _topk,
}
