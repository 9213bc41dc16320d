# SPDX-License-Identifier: Apache-2.0
"""Rate coding with a multi-stage adaptive threshold, MSAT (msat.txt).

The threshold of each neuron follows its potential (dynamic tracking threshold) and its input (dynamic evoked
threshold), eqs. 11 to 13; `PRESETS` holds the paper's Table 2.

Spike confidence (section 4.2): early spikes include incorrect ones, of neurons whose ReLU gives 0 ("SIN"). In the first
`early` steps a spike of the last layer is kept with the probability p that it is correct, which is measured in
calibration.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snncc.coding.base import Coding, add_neuron
from snncc.coding.expected_parameters import over_time
from snncc.coding.scales import WantedConfidence
from snncc.coding.settings import OVER_TIME, STEPS_DRAWN, Setting, setting
from snncc.ir.graph import Graph, Tensor
from snncc.ops.arrays import Array
from snncc.ops.msat import MSAT as MSAT_OP
from snncc.ops.msat import PRESETS

__all__ = ["MSAT"]

_LETTERS = ("alpha", "k_a", "k_i", "C", "tau_mp", "tau_rd", "V_T")
_CERTAIN = 2**32
_LOWEST, _HIGHEST, _PER_OCTAVE = -12, 3, 512  # a grid of constant currents, in units of the scale


def _letter(name: str, help: str, **said: Any) -> Any:  # noqa: A002
    """A parameter of the threshold."""
    refusal = f"{name} is {{}}, but it must be finite, and k_i and C above 0"
    return setting(None, f"{help}  [default: preset's]", refusal=refusal, **said)


@dataclass(frozen=True)
class MSAT(Coding):
    """Adaptive thresholds over T time steps.

    Args:
        T: Number of time steps, at least 1.
        preset: `vgg16`, `resnet20` or `resnet34`: the parameters of Table 2, each of which may be given by itself.
        alpha, k_a, k_i, C, tau_mp, tau_rd, V_T: The threshold's parameters (eqs. 11 to 13); None: the preset's.
        confidence: Probability that an early spike survives, 0 … 1; `auto`: measured in calibration; None: all survive.
        early: E, the number of early steps; `auto`: those that contain nine of ten SIN spikes in calibration.
        confidence_layers: `last` layer of neurons, or `all` of them.
        seed: Seed of the random numbers.

    Raises:
        OptionError: a parameter is out of its range.
    """

    name: ClassVar[str] = "msat"
    title: ClassVar[str] = "Rate coding with multi-stage adaptive thresholds"
    help_order: ClassVar[tuple[str, ...]] = ("T", "preset", *_LETTERS, "threshold_scale")
    arguments: ClassVar[Mapping[str, Setting]] = OVER_TIME
    readout: ClassVar[str] = "mean"
    pools_spikes: ClassVar[bool] = True
    steps_field: ClassVar[str] = "T"
    steps_grid: ClassVar[tuple[int, ...]] = (16, 32, 64, 128, 256)
    steps_curve: ClassVar[tuple[int, ...]] = STEPS_DRAWN
    counts_inactivated_spikes: ClassVar[bool] = True
    T: int = setting(
        64,
        "Number of time steps.",
        least=1,
        refusal="T is {}, but MSAT takes at least one time step; 32 to 256 are usual",
    )
    preset: str = setting("resnet20", "Parameters of the threshold.", choices=tuple(PRESETS))
    confidence: float | str | None = setting(
        None,
        "Probability that a spike of the first steps survives; auto: measured on --calib.  [default: all survive]",
        least=0,
        most=1,
        refusal="confidence is {}, but it must be 0 to 1, or 'auto'",
        metavar="[auto|P]",
    )
    early: int | str = setting(
        16,
        "Number of those first steps; auto: measured on --calib.",
        least=0,
        refusal="early is {}, but it is a number of time steps, or 'auto'",
        metavar="[auto|N]",
        needs="confidence",
    )
    confidence_layers: str = setting(
        "last",
        "Layers that it holds for.",
        choices=("last", "all"),
        refusal="confidence layers are '{}', but must be last or all",
        needs="confidence",
    )
    seed: int = setting(0, "Seed of the draws of surviving spikes.", metavar="N", needs="confidence")
    alpha: float | None = _letter("alpha", "Slope of the threshold over the potential.")
    k_a: float | None = _letter("k_a", "Height of the threshold's soft step.")
    k_i: float | None = _letter("k_i", "Width of that step.", above=0)
    C: float | None = _letter("C", "How fast an input lowers the threshold.", above=0)
    tau_mp: float | None = _letter("tau_mp", "Weight of the dynamic tracking threshold (DTT); 0: the evoked one alone.")
    tau_rd: float | None = _letter("tau_rd", "Weight of the dynamic evoked threshold (DET); 0: the tracking one alone.")
    V_T: float | None = _letter("V_T", "Offset of the tracking threshold.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in _LETTERS:
            if getattr(self, name) is None:
                object.__setattr__(self, name, PRESETS[self.preset][name])

    def usual_values(self) -> dict[str, Any]:
        """The values of the preset; without spike confidence, its fields count as defaults."""
        silent = ("early", "confidence_layers", "seed") if self.confidence is None else ()
        return {**PRESETS[self.preset], **{name: getattr(self, name) for name in silent}}

    @property
    def spike_confidence(self) -> WantedConfidence | None:
        """The early spikes given by the fields."""
        if self.confidence is None:
            return None
        p, early = (None if value == "auto" else value for value in (self.confidence, self.early))
        given = (None if p is None else float(p), None if early is None else int(early))
        return WantedConfidence("MSATNeuron", *given, all_layers=self.confidence_layers == "all")

    @property
    def slices(self) -> int:
        """T steps."""
        return self.T

    def neuron(self, graph: Graph, potential: Tensor, scale: Array, name: str) -> Tensor:
        """Add an MSATNeuron; its confidence is added after calibration."""
        return add_neuron(graph, "MSATNeuron", potential, scale, self._attributes(), name)

    @property
    def largest(self) -> float:
        """A spike at every step, of less value than the scale."""
        return 1.0

    def code(self, activations: Array) -> Array:
        """The mean of the spikes for a constant current, to three digits; 0 below 2^-12."""
        octaves = np.log2(np.clip(activations, 2.0**_LOWEST, 2.0**_HIGHEST)) - _LOWEST
        coded = _responses(self)[np.rint(octaves * _PER_OCTAVE).astype(np.int64)]
        return np.where(activations < 2.0**_LOWEST, 0.0, coded)

    def response(self, activations: Array) -> Array:
        """The mean of the spikes for a constant current, by the op's reference."""
        values = activations.astype(np.float32).reshape(1, -1)
        zero = np.zeros(1, np.float32)
        one, first = np.ones(1, np.float32), np.zeros(1, np.int64)
        inputs: list[Array] = [np.tile(values, (self.T, 1)), one, zero, zero, first]
        sent = MSAT_OP.reference(inputs, self._attributes())[0]
        return np.asarray(sent.astype(np.float64).mean(axis=0)).reshape(activations.shape)

    @property
    def steps(self) -> int:
        """T."""
        return self.T

    @property
    def interval(self) -> int:
        """T: all layers complete a sample at the same time."""
        return self.T

    def latency(self, layers: int) -> int:  # noqa: ARG002
        """T steps: spikes pass through all layers within a step."""
        return self.T

    def expected_attributes(self, op: str, form: Mapping[str, Any]) -> Mapping[str, Any]:
        """The threshold's own parameters; with spike confidence, also how likely early spikes survive."""
        letters = {name: float(getattr(self, name)) for name in _LETTERS}
        confident = self.confidence is not None and op == "ConfidentMSATNeuron"
        expected = over_time("ConfidentMSATNeuron" if confident else "MSATNeuron", self.T, form, **letters)
        if self.confidence not in (None, "auto"):
            expected["survival"] = round(float(self.confidence) * _CERTAIN)
        if self.early != "auto":
            expected["early"] = int(self.early)
        return expected

    def expected_encoder(self, op: str, form: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """As for all neurons."""
        return self.expected_attributes(op, form)

    def _attributes(self) -> dict[str, Any]:
        return {"steps": self.T, **{name: float(getattr(self, name)) for name in _LETTERS}}


@functools.lru_cache(maxsize=8)
def _responses(coding: MSAT) -> Array:
    """Responses of neurons to the currents of the grid."""
    return coding.response(np.exp2(np.arange((_HIGHEST - _LOWEST) * _PER_OCTAVE + 1) / _PER_OCTAVE + _LOWEST))
