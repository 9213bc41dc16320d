# SPDX-License-Identifier: Apache-2.0
"""`snncc demo`: an end-to-end conversion without downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snncc.cli.output import print_json, print_table, print_text
from snncc.cli.shared_options import device, json_flag

if TYPE_CHECKING:
    from snncc.coding import Phase
    from snncc.evaluation.result import Evaluation

__all__ = ["demo", "run_demo"]


@click.command(short_help="Convert and evaluate a small CNN; downloads nothing.")
@click.option("--T", "T", type=int, default=24, show_default=True, help="Number of phases.")
@click.option(
    "--Q", "Q", type=float, help="Base of the levels Q^-p, 1 < Q <= 2.  [default: levels fitted to each layer]"
)
@device
@json_flag
def demo(T: int, Q: float | None, device: str, as_json: bool) -> None:
    """Convert and evaluate a small CNN on handwritten digits; takes seconds, downloads nothing."""
    from snncc.coding import Phase

    found = run_demo(Phase(T=T) if Q is None else Phase(T=T, Q=Q), device)
    if as_json:
        print_json(found.to_json())
        return
    most = "at most one spike" if found.max_spikes <= 1 else f"up to {found.max_spikes} spikes"
    print_text(
        "A CNN with a residual block, trained on scikit-learn's 8x8 digits, becomes a network in which a neuron "
        f"sends {most} (phase coding, T={T}). Both on test images that neither has seen:\n"
    )
    print_table("", ("", "ANN", "SNN"), found.rows())
    print_text(
        "With a model of your own:\n"
        "  snncc convert model.onnx -o snn.onnx --calib train.npz\n"
        "  snncc evaluate snn.onnx --ann model.onnx --data test.npz"
    )


def run_demo(coding: Phase, device: str = "auto") -> Evaluation:
    """Convert with the training images as calibration data, evaluate on the test images.

    Raises:
        DataError: scikit-learn, which brings the images, is not installed.
    """
    from snncc.compiler.convert import convert
    from snncc.evaluation.evaluate import evaluate
    from snncc.models import digits_network
    from snncc.models.digits import load_digits

    data, ann = load_digits(), digits_network()
    snn = convert(ann, coding, calibration=data.train_images)
    return evaluate(snn, ann, data.test_images, labels=data.test_labels, device=device)
