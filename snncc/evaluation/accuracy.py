# SPDX-License-Identifier: Apache-2.0
"""Accuracy of two networks and their agreement, accumulated over batches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.errors import DataError
from snncc.ops.arrays import Array

__all__ = ["AccuracyCounter", "exact_sum"]


_UNIT = 1126  # the smallest exponent that frexp gives, -1073, less 53 bits of mantissa

_HALF = 26  # bits of a mantissa's lower part: sums of 2^36 parts stay within 64 bits


class AccuracyCounter:
    """Counts correct answers of the ANN and of the SNN, and equal answers of both, from their first outputs [N, …].

    The answer is the place of the largest score; a network that ends in an ArgMax gives the answer itself. Of an SNN
    that gives its outputs after every time step, [T, N, …], the last ones count. Labels are one per sample, [N], or one
    for each place of an output that has scores in many places, such as the nodes of a graph, [N, …]; places with a
    negative label are left out.

    Attributes:
        samples: How many there were.
        classes: Scores of a sample; None where networks give answers.
        classifies: Whether a sample has one answer: scores of two classes at least on one axis, or an integer; else,
            as with detectors and regressions, equal answers mean nothing.
    """

    def __init__(self, labels: npt.NDArray[np.int64] | None) -> None:
        self._labels = labels
        self._right = np.zeros((2, 2), np.int64)  # [ANN, SNN] x [first, among the first five]
        self._same = self._answered = 0
        self._difference = self._magnitude = 0  # see `exact_sum`
        self._finite = True
        self.samples = 0
        self.classes: int | None = None
        self.classifies = True

    def add(self, ann: Array, snn: Array) -> None:
        """Add the outputs of both networks for the next samples.

        Raises:
            DataError: outputs of different shape, labels that run out, or a label that is no class.
        """
        if ann.ndim and snn.shape[1:] == ann.shape:
            snn = snn[-1]
        if ann.shape != snn.shape or not ann.ndim:
            shapes = f"the ANN gives {list(ann.shape)} and the SNN {list(snn.shape)}"
            raise DataError(f"{shapes} for the same samples. Give the ANN that the SNN was converted from.")
        count = len(ann)
        self.classifies = self._labels is not None or _has_one_answer(ann)
        labels = None if self._labels is None else self._next_labels(self._labels, count)
        if labels is not None and labels.ndim > 1:
            ann, snn = (_by_place(scores, labels) for scores in (ann, snn))
            labels = labels[labels >= 0]
        ann, snn = ann.reshape(len(ann), -1), snn.reshape(len(snn), -1)
        self.classes = ann.shape[1] if ann.dtype.kind == "f" else None
        if labels is not None:
            self._check_classes(labels)
            for row, scores in enumerate((ann, snn)):
                self._right[row] += _right(scores, labels)
        self._answered += len(ann)
        self._same += int((_answers(ann) == _answers(snn)).sum())
        self._compare(ann.astype(np.float64), snn)
        self.samples += count

    def _compare(self, ann: Array, snn: Array) -> None:
        difference, magnitude = np.abs(ann - snn), np.abs(ann)
        self._finite &= bool(np.isfinite(difference).all() and np.isfinite(magnitude).all())
        if self._finite:
            self._difference += exact_sum(difference)
            self._magnitude += exact_sum(magnitude)

    def _next_labels(self, all_labels: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
        labels = all_labels[self.samples : self.samples + count]
        if len(labels) < count:
            raise DataError(
                f"there are {len(all_labels)} labels for more samples than that. Give one label per sample."
            )
        return labels

    def _check_classes(self, labels: npt.NDArray[np.int64]) -> None:
        if self.classes is not None and labels.max(initial=0) >= self.classes:
            message = f"label {labels.max()} is no class of a network with {self.classes} outputs"
            raise DataError(f"{message}. Give class numbers from 0 to {self.classes - 1}.")

    def top(self, place: int) -> tuple[float, float] | None:
        """Percent of samples whose label is among the `place` (1 or 5) most probable answers of (ANN, SNN).

        None without labels, and for 5 unless the network has more than five classes.
        """
        if self._labels is None or not self._answered or (place == 5 and (self.classes or 0) <= 5):
            return None
        ann, snn = 100.0 * self._right[:, 0 if place == 1 else 1] / self._answered
        return float(ann), float(snn)

    @property
    def agreement(self) -> float:
        """Fraction of samples, or of labelled positions, with the same answer of both networks."""
        return self._same / self._answered if self._answered else 1.0

    @property
    def error(self) -> float:
        """Mean absolute difference of the outputs, as a fraction of the mean magnitude of the ANN's."""
        if not self._finite:
            return math.nan
        return self._difference / self._magnitude if self._magnitude else float(self._difference > 0)

    def to_json(self) -> dict[str, Any]:
        """All sums, as JSON values; sums of outputs in hexadecimal, since they have several hundred digits."""
        return {
            "samples": self.samples,
            "labelled": self._labels is not None,
            "right": self._right.tolist(),
            "same": self._same,
            "answered": self._answered,
            "difference": hex(self._difference),
            "magnitude": hex(self._magnitude),
            "finite": self._finite,
            "classes": self.classes,
            "classifies": self.classifies,
        }

    def merge(self, found: Mapping[str, Any]) -> None:
        """Add the result of `to_json` of a counter for other samples; after that no samples can be added."""
        if found["labelled"]:
            self._labels = np.zeros(0, np.int64)
        self._right += np.array(found["right"], np.int64)
        self._same += found["same"]
        self._answered += found["answered"]
        self._difference += int(found["difference"], 16)
        self._magnitude += int(found["magnitude"], 16)
        self._finite &= found["finite"]
        self.classes = found["classes"]
        self.classifies = found["classifies"]
        self.samples += found["samples"]


def _by_place(scores: Array, labels: npt.NDArray[np.int64]) -> Array:
    """[positions, classes] of the labelled positions; classes are on the one axis that labels have not."""
    for axis in range(1, scores.ndim):
        if scores.shape[:axis] + scores.shape[axis + 1 :] == labels.shape:
            chosen: Array = np.moveaxis(scores, axis, -1)[labels >= 0]
            return chosen
    message = f"labels are {list(labels.shape[1:])} for each sample, the network gives {list(scores.shape[1:])}"
    raise DataError(f"{message}. Give one label per sample, or one for each place with scores.")


def _has_one_answer(outputs: Array) -> bool:
    """Whether outputs [N, …] are scores [N, C, 1, …] of C >= 2 classes, or one integer for each sample."""
    size = math.prod(outputs.shape[1:])
    if outputs.dtype.kind != "f":
        return size == 1
    return outputs.ndim > 1 and size == outputs.shape[1] > 1


def _answers(scores: Array) -> Array:
    answers: Array = scores.argmax(axis=1) if scores.dtype.kind == "f" else scores[:, 0]
    return answers


def _right(scores: Array, labels: npt.NDArray[np.int64]) -> tuple[int, int]:
    """The numbers of labels that are the first answer, and among the first five."""
    first = int((_answers(scores) == labels).sum())
    if scores.dtype.kind != "f" or scores.shape[1] <= 5:
        return first, 0
    best = np.argpartition(-scores, 4, axis=1)[:, :5]
    return first, int((best == labels[:, None]).any(axis=1).sum())


def exact_sum(values: Array) -> int:
    """The sum of finite float64 `values`, in units of 2^-1126."""
    mantissas, exponents = np.frexp(np.asarray(values, np.float64).ravel())
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    total = 0
    for exponent in np.unique(exponents).tolist():
        same = whole[exponents == exponent]
        high, low = same >> _HALF, same & (2**_HALF - 1)
        total += ((int(high.sum()) << _HALF) + int(low.sum())) << (exponent - 53 + _UNIT)
    return total
