# SPDX-License-Identifier: Apache-2.0
"""The spikes of one layer of neurons, and their values for the layers that receive them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from snncc.ops.arrays import Array

__all__ = ["Sends", "Train", "joined", "pack"]

Bits = npt.NDArray[np.uint8]
# What the tensor of a layer holds: the sum of a neuron's spikes; the spike of each step by itself, steps stacked on the
# first axis; what has come until each of the last steps ("slices") or until each step ("estimates"), stacked likewise.
Sends = Literal["sum", "steps", "slices", "estimates"]

_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)  # by byte


@dataclass(frozen=True, eq=False)
class Train:
    """Spikes of a layer: its own T steps, N samples, B = ceil(neurons / 8) bytes for the neurons of one sample.

    A spike of step t has the value scale * worth[t], negative where `signs` says so, or the next one of `values`.

    Attributes:
        name, op, tensor: The neuron's node, its op, and the tensor that it sends.
        sends: The content of that tensor.
        skips: For "slices": the number of first steps without a slice.
        dtype: Element type of the tensor.
        sample: Shape of the layer for one sample.
        bits: Neurons that fired, [T, N, B]; neurons in C order, eight to a byte, the first one in its highest bit.
        worth: The value of a spike of each step, [T], float32, in units of `scale`; None: see `values`.
        scale: float32, broadcast to `sample`.
        signs: Neurons with negative spikes, packed like `bits`: [T, N, B], or [1, N, B] for all steps; None: none is.
        values: What each spike is worth, where neurons differ: sample by sample, then step by step, then neuron by
            neuron, of element type `dtype`, or for "estimates" float32, in units of `scale`; None: see `worth`.
    """

    name: str
    op: str
    tensor: str
    sends: Sends
    skips: int
    dtype: np.dtype[Any]
    sample: tuple[int, ...]
    bits: Bits
    scale: npt.NDArray[np.float32]
    worth: npt.NDArray[np.float32] | None = None
    signs: Bits | None = None
    values: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, N, …)."""
        return (*self.bits.shape[:2], *self.sample)

    @property
    def count(self) -> int:
        """Spikes of all neurons, samples and steps."""
        return _ones(self.bits)

    def spikes(self) -> npt.NDArray[np.bool_]:
        """Whether each neuron fires, (T, N, …)."""
        return _unpack(self.bits, self.sample)

    def of_samples(self, first: int, last: int) -> Train:
        """The train of the samples `first` … `last` - 1."""
        values = None
        if self.values is not None:
            before, until = (_ones(self.bits[:, :n]) for n in (first, last))
            values = self.values[before:until]
        signs = None if self.signs is None else self.signs[:, first:last]
        return replace(self, bits=self.bits[:, first:last], signs=signs, values=values)

    def sent(self) -> Array:
        """The output tensor of the layer, computed from its spikes alone, with the rounding of its op."""
        each = self.values_by_step()
        if self.sends == "steps":
            return self._scaled(each).reshape(-1, *self.sample)
        total = np.zeros(each.shape[1:], np.float32)
        slices = []
        for t, spike in enumerate(each):
            total = total + spike
            if self.sends in ("slices", "estimates") and t >= self.skips:
                slices.append(self._scaled(total))
        return np.concatenate(slices) if slices else self._scaled(total)

    def values_by_step(self) -> Array:
        """The value of each spike, (T, N, …), in units of `scale`; absolute if there are `values` of steps. 0: none."""
        spikes = self.spikes()
        if self.values is not None:
            by_sample = np.zeros((spikes.shape[1], spikes.shape[0], *self.sample), self.values.dtype)
            by_sample[spikes.swapaxes(0, 1)] = self.values
            return by_sample.swapaxes(0, 1)
        assert self.worth is not None
        each = np.where(spikes, self.worth.reshape(-1, *[1] * (spikes.ndim - 1)), np.float32(0))
        return each if self.signs is None else np.where(_unpack(self.signs, self.sample), -each, each)

    def _scaled(self, value: Array) -> Array:
        return value if self.values is not None and self.sends == "steps" else (value * self.scale).astype(self.dtype)


def pack(fires: Array) -> Bits:
    """(T, N, …) -> [T, N, B]."""
    return np.packbits(fires.reshape(*fires.shape[:2], -1).astype(np.bool_), axis=-1)


def joined(parts: Sequence[Train]) -> Train:
    """The trains of one layer for several consecutive batches."""
    first = parts[0]
    signs = None if first.signs is None else np.concatenate([p.signs for p in parts if p.signs is not None], axis=1)
    values = None if first.values is None else np.concatenate([p.values for p in parts if p.values is not None])
    return replace(first, bits=np.concatenate([p.bits for p in parts], axis=1), signs=signs, values=values)


def _ones(bits: Bits) -> int:
    return int(_ONES[bits].sum(dtype=np.int64))


def _unpack(bits: Bits, sample: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    neurons = int(np.prod(sample, dtype=np.int64))
    return np.unpackbits(bits, axis=-1, count=neurons).astype(np.bool_).reshape(*bits.shape[:2], *sample)
