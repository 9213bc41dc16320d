# SPDX-License-Identifier: Apache-2.0
"""Rate coding with a multi-stage adaptive threshold, MSAT (msat.txt).

The threshold of each neuron follows its potential (dynamic tracking threshold) and its input (dynamic evoked
threshold), eqs. 11 to 13; `PRESETS` holds the paper's Table 2.

Spike confidence (section 4.2): early spikes of neurons whose ReLU would be silent ("SIN") mislead; in the first `early`
steps a spike of the last layer survives with the probability p that it is none of those, measured in calibration.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from snncc.coding.base import Coding, add_neuron, as_number
from snncc.errors import OptionError
from snncc.ir.graph import Graph, Tensor
from snncc.ops.msat import MSAT as MSAT_OP
from snncc.ops.msat import PRESETS

__all__ = ["MSAT"]

_LETTERS = ("alpha", "k_a", "k_i", "C", "tau_mp", "tau_rd", "V_T")
LAYERS = ("last", "all")
_LOWEST, _HIGHEST, _PER_OCTAVE = -12, 3, 512  # a grid of constant currents, in units of the scale


@dataclass(frozen=True)
class MSAT(Coding):
    """Adaptive thresholds over T time steps.

    Args:
        T: Number of time steps, at least 1.
        preset: `vgg16`, `resnet20` or `resnet34`: the parameters of Table 2, each of which may be given by itself.
        alpha, k_a, k_i, C, tau_mp, tau_rd, V_T: The threshold's parameters (eqs. 11 to 13); None: the preset's.
        confidence: Probability that an early spike survives, 0 … 1; `auto`: measured in calibration; None: all survive.
        early: E, the number of early steps; `auto`: as many as hold nine of ten SIN spikes in calibration.
        confidence_layers: `last` layer of neurons, or `all` of them.
        seed: Of the draws.

    Raises:
        OptionError: a parameter is out of its range.
    """

    name: ClassVar[str] = "msat"
    readout: ClassVar[str] = "mean"
    pools_spikes: ClassVar[bool] = True
    T: int = 64
    preset: str = "resnet20"
    confidence: float | str | None = None
    early: int | str = 16
    confidence_layers: str = "last"
    seed: int = 0
    alpha: float | None = None
    k_a: float | None = None
    k_i: float | None = None
    C: float | None = None
    tau_mp: float | None = None
    tau_rd: float | None = None
    V_T: float | None = None

    def __post_init__(self) -> None:
        for name in ("T", "seed"):
            object.__setattr__(self, name, as_number(operator.index, name, getattr(self, name)))
        if self.T < 1:
            raise OptionError(f"T is {self.T}, but MSAT takes at least one time step; 32 to 256 are usual")
        if self.preset not in PRESETS:
            raise OptionError(f"preset is '{self.preset}', but it must be one of {', '.join(PRESETS)}")
        for name in _LETTERS:
            value = getattr(self, name)
            given = PRESETS[self.preset][name] if value is None else as_number(float, name, value)
            object.__setattr__(self, name, given)
            if not np.isfinite(given) or (name in ("k_i", "C") and given <= 0):
                raise OptionError(f"{name} is {given}, but it must be finite, and k_i and C above 0")
        if self.confidence_layers not in LAYERS:
            raise OptionError(f"confidence layers are '{self.confidence_layers}', but must be {' or '.join(LAYERS)}")
        self._check_confidence()

    def _check_confidence(self) -> None:
        if self.confidence not in (None, "auto"):
            object.__setattr__(self, "confidence", as_number(float, "confidence", self.confidence))
            if not 0 <= float(self.confidence) <= 1:
                raise OptionError(f"confidence is {self.confidence}, but it must be 0 to 1, or 'auto'")
        if self.early != "auto":
            object.__setattr__(self, "early", as_number(operator.index, "early", self.early))
            if int(self.early) < 0:
                raise OptionError(f"early is {self.early}, but it is a number of time steps, or 'auto'")

    def parameters(self) -> dict[str, Any]:
        """All parameters, as JSON values."""
        return {"name": self.name, **asdict(self)}

    @property
    def slices(self) -> int:
        """T steps."""
        return self.T

    def neuron(self, graph: Graph, potential: Tensor, scale: npt.NDArray[Any], name: str) -> Tensor:
        """MSATNeuron; what calibration says of its confidence comes later."""
        return add_neuron(graph, "MSATNeuron", potential, scale, self._attributes(), name)

    @property
    def largest(self) -> float:
        """A spike at every step, worth less than the scale."""
        return 1.0

    def code(self, activations: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The mean of the spikes for a constant current, to three digits; below 2^-12 there are none."""
        octaves = np.log2(np.clip(activations, 2.0**_LOWEST, 2.0**_HIGHEST)) - _LOWEST
        coded = _responses(self)[np.rint(octaves * _PER_OCTAVE).astype(np.int64)]
        return np.where(activations < 2.0**_LOWEST, 0.0, coded)

    def response(self, activations: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The mean of the spikes for a constant current, by the op's own reference."""
        values = activations.astype(np.float32).reshape(1, -1)
        zero = np.zeros(1, np.float32)
        one, first = np.ones(1, np.float32), np.zeros(1, np.int64)
        inputs: list[npt.NDArray[Any]] = [np.tile(values, (self.T, 1)), one, zero, zero, first]
        sent = MSAT_OP.reference(inputs, self._attributes())[0]
        return np.asarray(sent.astype(np.float64).mean(axis=0)).reshape(activations.shape)

    @property
    def steps(self) -> int:
        """T."""
        return self.T

    @property
    def interval(self) -> int:
        """T: all layers are done with a sample at once."""
        return self.T

    def latency(self, layers: int) -> int:  # noqa: ARG002
        """T steps, spikes crossing all layers within a step."""
        return self.T

    def _attributes(self) -> dict[str, Any]:
        return {"steps": self.T, **{name: float(getattr(self, name)) for name in _LETTERS}}


@functools.lru_cache(maxsize=8)
def _responses(coding: MSAT) -> npt.NDArray[Any]:
    """What neurons make of the currents of the grid."""
    return coding.response(np.exp2(np.arange((_HIGHEST - _LOWEST) * _PER_OCTAVE + 1) / _PER_OCTAVE + _LOWEST))
