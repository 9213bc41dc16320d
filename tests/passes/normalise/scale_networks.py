# SPDX-License-Identifier: Apache-2.0
"""Networks and helpers that tests of several passes share."""

from __future__ import annotations

import numpy as np
from onnx import numpy_helper


def with_sign(model, sign: int, *names: str):
    for tensor in model.graph.initializer:
        if tensor.name in names:
            value = sign * np.abs(numpy_helper.to_array(tensor))
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    return model


LIFT_WEIGHTS = {
    "w": (4, 3, 3, 3), "w2": (4, 3, 3, 3), "c": (4,), "k4": (4, 1, 1), "wg": (6, 1, 3, 3), "k6": (6, 1, 1),
    "wt": (3, 2, 2, 2), "wide": (4, 108), "tall": (108, 4), "row": (4,), "c3": (4, 1, 1),
    "g": (4,), "beta": (4,), "mean": (4,), "var": (4,),
}  # fmt: skip
