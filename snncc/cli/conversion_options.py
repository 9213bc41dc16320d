# SPDX-License-Identifier: Apache-2.0
"""The options of every command that converts a network, but for those that belong to a coding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from snncc.cli.coding_parser import coding_options
from snncc.cli.shared_options import FILE, json_flag, preprocess, verbose
from snncc.coding import CODINGS
from snncc.coding.scales import FOLDS, WEIGHTS
from snncc.compiler.time_forms import FORMS

__all__ = ["PASSED_ON", "conversion_options"]

# What `snncc.convert` takes under the same name.
_SCALES = ("preprocess", "normalize", "scale", "percentile", "match", "input_range")
PASSED_ON = (*_SCALES, "fold_bn", "weights", "form", "strict", "gates")

_OPTIONS = (
    click.argument("model", type=FILE),
    click.option("-o", "--output", type=FILE, required=True, metavar="OUT", help="Where the spiking network goes."),
    click.option(
        "--coding", type=click.Choice(list(CODINGS)), default="phase", show_default=True, help="The neural code."
    ),
    click.option("--calib", type=FILE, metavar="PATH", help="Typical inputs: .npy, .npz or a folder of images."),
    preprocess,
    click.option(
        "--normalize",
        type=click.Choice(["channel", "layer", "none"]),
        default="channel",
        show_default=True,
        help="One scale per channel or layer, folded into the weights; none: per channel, kept with the neuron.",
    ),
    click.option(
        "--scale",
        type=click.Choice(["max", "percentile", "least-squares"]),
        help="What of its activations becomes a neuron's scale.  [default: least-squares with --calib, else max]",
    ),
    click.option("--percentile", type=float, metavar="P", help="That percentile of the activations as scale."),
    click.option(
        "--match/--no-match",
        default=True,
        show_default=True,
        help="With --calib, match the mean and deviation of each channel's potential to MODEL's.",
    ),
    click.option(
        "--input-range", type=float, nargs=2, metavar="LO HI", help="Range of the input, where no --calib is given."
    ),
    click.option(
        "--fold-bn",
        type=click.Choice(FOLDS),
        default="weights",
        show_default=True,
        help="Where BatchNormalization goes; threshold: into the neurons behind it, so that weights stay as they were.",
    ),
    click.option(
        "--weights",
        type=click.Choice(WEIGHTS),
        default="float",
        show_default=True,
        help="float: as they are; int8: 8 bits, with a scale per output channel; int8-tensor: with one per layer.",
    ),
    click.option(
        "--form",
        type=click.Choice(FORMS),
        default="auto",
        show_default=True,
        help="folded: all time steps in one pass; loop: in an ONNX Loop, in bounded memory; step: a single time step "
        "with the neurons' states as inputs and outputs; auto: loop where folded would need much memory.",
    ),
    click.option(
        "--strict", is_flag=True, help="Refuse ops that would stay analog, being neither synapses nor neurons."
    ),
    click.option(
        "--gates",
        type=click.IntRange(min=1),
        metavar="K",
        help="Time steps of a gate of an LSTM, GRU or RNN, which is a few-spikes neuron whatever the coding.  "
        "[default: K with fs, else 16]",
    ),
    click.option("--dump-dir", type=FILE, metavar="DIR", help="Write the graph after each pass into DIR, as text."),
    click.option(
        "--max-drop",
        type=click.FloatRange(min=0, max=100),
        metavar="POINTS",
        help="Try recipes from few time steps to many, and take the first that costs at most so many points of "
        "accuracy on --calib or, without labels there, of agreement with MODEL.",
    ),
    coding_options,
    verbose,
    json_flag,
    click.pass_context,
)


def conversion_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The decorator that gives a command all of them, in the order of `_OPTIONS`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
