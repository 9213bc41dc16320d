# SPDX-License-Identifier: Apache-2.0
"""scikit-learn's handwritten digits, with a fixed split into training and test images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from snncc.errors import DataError

__all__ = ["Digits", "load_digits"]

_TEST = 500
_SEED = 2024


class Digits(NamedTuple):
    """Images are [N, 1, 8, 8], float32 in [0, 1]; labels are [N], int64."""

    train_images: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int64]


def load_digits() -> Digits:
    """1297 training and 500 test images; the split is seeded.

    Raises:
        DataError: scikit-learn, which brings the images, is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        hint = "Install it: pip install 'snncc[demo]'."
        raise DataError(f"The digits come with scikit-learn, which is not installed. {hint}") from error
    bunch: Any = datasets.load_digits()
    images = (bunch.images[:, None] / 16.0).astype(np.float32)
    labels = bunch.target.astype(np.int64)
    order = np.random.default_rng(_SEED).permutation(len(images))
    train, test = order[:-_TEST], order[-_TEST:]
    return Digits(images[train], labels[train], images[test], labels[test])
