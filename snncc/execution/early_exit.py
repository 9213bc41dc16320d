# SPDX-License-Identifier: Apache-2.0
"""Early exit: decide per sample when a network that runs step by step can stop.

The output of a rate code is a mean over the steps so far, and often approximates the final one long before the last
step. A sample is decided at the second of two consecutive steps at which the same class leads, and leads the next one
by at least the margin, in units of the model's first output (probabilities after a Softmax, else logits). It keeps the
outputs of that step, so that its result does not depend on the other samples of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from snncc.errors import OptionError
from snncc.ops.arrays import Array

__all__ = ["EarlyExit"]


@dataclass
class EarlyExit:
    """Outputs at the step at which each sample was decided.

    Attributes:
        name: The output whose values are the scores of classes, [N, classes].
        margin: By how much a class must lead; None: samples settle at the last step.
        results: Outputs so far, by name.
        steps: Steps that each sample took so far, [N].
        settled: Which samples have settled, [N].
    """

    name: str
    margin: float | None
    results: dict[str, Array] = field(default_factory=dict)
    steps: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    settled: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(1, np.bool_))
    _leader: Array | None = None  # by sample, -1 where no class leads by the margin

    def add(self, outputs: dict[str, Array], *, last: bool) -> None:
        """Add the outputs of the next step."""
        if not self.steps.size:
            self.steps = np.zeros(len(outputs[self.name]), np.int64)
            self.settled = self.steps > 0
            self.results = outputs
        running = ~self.settled
        self.steps = self.steps + running
        for key, value in outputs.items():
            self.results[key] = np.where(running.reshape(-1, *[1] * (value.ndim - 1)), value, self.results[key])
        self.settled = self.settled | (self._decided(outputs[self.name]) if self.margin is not None else last)

    def _decided(self, scores: Array) -> Array:
        if scores.ndim != 2 or scores.shape[1] < 2:
            raise OptionError(f"early exit needs scores of classes, but '{self.name}' is {list(scores.shape)}")
        second, first = np.moveaxis(np.sort(scores, axis=1)[:, -2:], 1, 0)
        leader = np.where(first - second >= self.margin, scores.argmax(1), -1)
        same = (leader == self._leader) & (leader >= 0)
        self._leader = leader
        return np.asarray(same)
