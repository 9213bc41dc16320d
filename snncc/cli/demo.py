# SPDX-License-Identifier: Apache-2.0
"""The demo: converts the digits network that ships with the package, and evaluates it on other digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import snncc
from snncc.coding import Phase

if TYPE_CHECKING:
    from snncc.evaluation.result import Evaluation

__all__ = ["run_demo"]


def run_demo(coding: Phase, device: str = "auto") -> Evaluation:
    """Convert with the training images as calibration data, evaluate on the test images.

    Raises:
        DataError: scikit-learn, which brings the images, is not installed.
    """
    from snncc.evaluation.evaluate import evaluate
    from snncc.models import digits_network
    from snncc.models.digits import load_digits

    data, ann = load_digits(), digits_network()
    snn = snncc.convert(ann, coding, calibration=data.train_images)
    return evaluate(snn, ann, data.test_images, labels=data.test_labels, device=device)
