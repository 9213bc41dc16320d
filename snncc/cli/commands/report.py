# SPDX-License-Identifier: Apache-2.0
"""`snncc report`: an HTML page with figures of a spiking network and its ANN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snncc.cli.output import print_text
from snncc.cli.shared_options import FILE, ann, data, device, preprocess
from snncc.errors import OutputError, SnnccError
from snncc.io.atomic_write import write_whole
from snncc.io.outputs import require_outputs

__all__ = ["report"]


@click.command(short_help="A page with pictures of a spiking network and its ANN.")
@click.argument("snn", type=FILE)
@ann
@data
@preprocess
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    metavar="N",
    help="Use the first N samples only.",
)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NODE",
    help="A layer that gets figures of its own, by its node in MODEL or SNN; may be repeated.  [default: six, evenly]",
)
@click.option(
    "--neuron",
    "neurons",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="N",
    help="A neuron whose membrane potential is drawn, by its place in the layer; may be repeated.  [default: three "
    "that fire]",
)
@click.option(
    "--grid",
    multiple=True,
    metavar="NAME=V,V,...",
    help="Values of a parameter of the coding, such as T=8,16,24: MODEL is converted anew for each, or for each pair "
    "of two grids, to show accuracy against them.",
)
@click.option(
    "--calib", "calibration", type=FILE, metavar="FILE", help="What --grid converts with, as in `snncc convert`."
)
@click.option("-o", "--output", type=FILE, required=True, metavar="OUT", help="The page to write, HTML.")
@click.option("--figures", type=FILE, metavar="DIR", help="Also write each figure into DIR, as PNG and SVG.")
@device
def report(snn: Path, ann: Path, data: Path, output: Path, figures: Path | None, **options: Any) -> None:
    """Write one HTML page with pictures of SNN beside the ANN that it came from.

    Energy, spikes, the error of each layer, true against coded activations, their distribution with the levels of the
    code, coding curves, spike rasters and membrane potentials, the pipeline; with --grid accuracy over Q and T, K or
    what the coding has. The page needs nothing from the network
    and suits light and dark, paper and phones.
    """
    inputs = [snn, ann, data, options["calibration"]]
    require_outputs({"-o": output}, inputs)
    if options["calibration"] and not options["grid"]:
        raise click.UsageError("--calib says nothing without --grid.")
    try:
        from snncc.tools.report import report as made
    except ImportError as error:
        hint = "Install them: pip install 'snncc[report]'."
        raise SnnccError(f"a report needs matplotlib and jinja2 ({error}). {hint}") from error
    found = made(snn, ann, data, **options)
    if figures is not None:
        _write_all(figures, found.files(), inputs)
    write_whole(output, found.html.encode())
    panels = sum(len(section.panels) for section in found.sections)
    print_text(f"Wrote {output} ({len(found.html) / 1024:.0f} KiB, {panels} figures).")


def _write_all(folder: Path, files: dict[str, bytes], inputs: list[Path | None]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"--figures {folder}: cannot be made ({error.strerror}). Choose another folder."
        raise OutputError(message) from error
    require_outputs({f"--figures ({name})": folder / name for name in files}, inputs)
    for name, content in files.items():
        write_whole(folder / name, content)
