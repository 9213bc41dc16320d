# SPDX-License-Identifier: Apache-2.0
"""Conversion options, declared once for `convert`, the command line, sweeps and metadata."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, get_args, get_origin, get_type_hints

from snncc.coding.scales import FOLDS, NORMALIZATIONS, SCALES, WEIGHTS
from snncc.coding.settings import Setting
from snncc.errors import OptionError

__all__ = ["FORMS", "TYPES", "ConversionOptions"]

FORMS = ("auto", "folded", "loop", "step")


def _option(default: Any, help: str = "", **said: Any) -> Any:  # noqa: A002
    """A field declared by a `Setting`; `help` is for the command line, where only `command` has the option if given.

    Options without help belong to codings.
    """
    return field(default=default, metadata={"setting": Setting(help, **said)})


@dataclass(frozen=True)
class ConversionOptions:
    """How a network is converted.

    Attributes:
        normalize: One scale per `channel` or per `layer`, folded into weights, or `none`: kept with the neuron.
        scale: What of a channel's activations becomes the neuron's scale: `max`, `percentile` or `least-squares`; None:
            a percentile if one is given, else least squares with calibration data and the maximum without.
        percentile: Percentile of the activations that becomes a neuron's scale.
        threshold_scale: Factor of all neurons' scales, and with them their thresholds; below 1, what is larger than
            the scale is clipped (msat.txt, section 5.3).
        match: Give each channel's membrane potential the mean and standard deviation that it has in the ReLU network;
            needs calibration data.
        fold_bn: Where BatchNormalization goes: into `weights`, or, where a neuron follows, into its `threshold`; then
            neurons keep their scales, too, and the synapses in front of them the weights that they had.
        weights: How weights are stored: `float`, as they are; `int8`, with a scale for each output channel;
            `int8-tensor`, with one scale for all of a layer's weights.
        input_range: (lowest, highest) input value, where no data is given.
        levels: Phase coding: `powers` of the same Q in all layers, or, `batchnorm`, where a BatchNormalization is in
            front of them, of the Q with the least mean absolute percentage error for its mean and deviation; or,
            `fitted`, those of each layer that code its activations with least squared error, which takes calibration
            data. `auto`: fitted ones where there is such data and Q is `auto`, with a second spike in some layers, else
            powers; where `tune` may choose, whichever leave less error.
        spike_budget: Phase coding: average number of spikes of a neuron; layers in which a second spike lowers the
            error most for its spikes send one. None: as many as pay with `auto` levels, else none.
        tune: Choose levels (phase coding) and scale of each layer so that the error of the outputs is least; takes
            calibration data and some minutes.
        share_steps: Whether layers share their T or K time steps, so that some have more and others fewer; None: with
            fitted levels chosen by `auto`.
        anytime: Give the outputs after every time step, [T, N, …], instead of the last ones; rate codings only.
        form: `folded`: all time steps in one pass; `loop`: in an ONNX Loop, in bounded memory; `step`: a single time
            step, with the neurons' states as inputs and outputs; `auto`: `loop` where `folded` would need much memory.
        spike_linear: Neurons that send both signs where synapses read sums of synapses, as at the linear bottlenecks of
            MobileNet v2, which else are analog inputs; with differential coding on all values that synapses and
            products of activations read. None: with differential coding, and with others that have such neurons where
            nearly half of the operations or more would read such sums.
        strict: Refuse a network with ops that neither become synapses nor neurons, instead of keeping these analog.
        gates: Time steps of a gate of a recurrent layer; None: K with few-spikes coding, else 16.

    Raises:
        OptionError: a value is none of the choices, or out of its range.
    """

    normalize: str = _option(
        "channel",
        "One scale per channel or layer, folded into the weights; none: per channel, kept with the neuron.",
        choices=NORMALIZATIONS,
    )
    scale: str | None = _option(
        None,
        "What of its activations becomes a neuron's scale.  [default: least-squares with --calib, else max]",
        choices=SCALES,
    )
    percentile: float | None = _option(None, "That percentile of the activations as scale.", metavar="P")
    threshold_scale: float = _option(1.0)
    match: bool = _option(True, "With --calib, match the mean and deviation of each channel's potential to MODEL's.")
    input_range: tuple[float, float] | None = _option(
        None, "Range of the input, where no --calib is given.", metavar="LO HI"
    )
    fold_bn: str = _option(
        "weights",
        "Where BatchNormalization goes; threshold: into the neurons behind it, so that weights stay as they were.",
        choices=FOLDS,
    )
    weights: str = _option(
        "float",
        "float: as they are; int8: 8 bits, with a scale per output channel; int8-tensor: with one per layer.",
        choices=WEIGHTS,
    )
    levels: str | None = _option("auto")
    spike_budget: float | None = _option(None)
    tune: bool = _option(False)
    share_steps: bool | None = _option(
        None,
        "Phase and few-spikes coding: layers share their T or K time steps, so that some have more and others fewer.  "
        "[default: in phase coding, where --levels auto fits levels]",
    )
    anytime: bool = _option(False)
    form: str = _option(
        "auto",
        "folded: all time steps in one pass; loop: in an ONNX Loop, in bounded memory; step: a single time step "
        "with the neurons' states as inputs and outputs; auto: loop where folded would need much memory.",
        choices=FORMS,
    )
    spike_linear: bool | None = _option(
        None,
        "Neurons of both signs where synapses read sums of synapses, as at linear bottlenecks; differential: on all "
        "values that synapses read.  [default: differential; others where nearly half of the operations or more would "
        "read analog values, if the coding has such neurons]",
    )
    strict: bool = _option(False, "Refuse ops that would stay analog, being neither synapses nor neurons.")
    gates: int | None = _option(
        None,
        "Time steps of a gate of an LSTM, GRU or RNN, which is a few-spikes neuron whatever the coding.  "
        "[default: K with fs, else 16]",
        least=1,
        metavar="K",
    )

    def __post_init__(self) -> None:
        for option in fields(self):
            value, choices = getattr(self, option.name), option.metadata["setting"].choices
            if choices and value not in choices and value != option.default:
                verb, they = ("are", "they") if option.name.endswith("s") else ("is", "it")
                message = f"{option.name} {verb} '{value}', but {they} must be one of {', '.join(choices)}"
                raise OptionError(message)
        factor = self.threshold_scale
        if not (isinstance(factor, int | float) and 0 < factor < float("inf")):
            raise OptionError(f"threshold_scale is {factor!r}, but it must be a positive number; 1 changes nothing")

    def recorded(self) -> dict[str, str]:
        """The value for the metadata entry on weights."""
        return {"stored": self.weights, "fold_bn": self.fold_bn}


def _type_of(hint: Any) -> type:
    one: type = next(kind for kind in get_args(hint) or (hint,) if kind is not type(None))
    origin: type | None = get_origin(one)
    return origin or one


# By option: str, bool, int, float or tuple, without the None that some can be.
TYPES = {name: _type_of(hint) for name, hint in get_type_hints(ConversionOptions).items()}
