# SPDX-License-Identifier: Apache-2.0
"""All untrained networks by name, each in a size that is small enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from snncc.calibration.synthetic_inputs import coloured_noise, random_ids
from snncc.io.input_specs import InputSpec, specs_of
from snncc.models.branches import densenet, detector, inception, unet
from snncc.models.mobilenet import efficientnet, mobilenet_v1, mobilenet_v2
from snncc.models.one_dimension import autoencoder, m5
from snncc.models.resnet import resnet18, resnet20, resnet34, resnet50
from snncc.models.text_networks import VOCABULARY, bilstm_imdb, text_gcn
from snncc.models.vgg import vgg16

__all__ = ["ZOO", "noise"]

ZOO: dict[str, Callable[[], onnx.ModelProto]] = {
    "vgg16": vgg16,
    "resnet18": partial(resnet18, size=32, classes=10),
    "resnet20": resnet20,
    "resnet34": partial(resnet34, size=32, classes=10),
    "resnet50": partial(resnet50, size=32, classes=10),
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "efficientnet": efficientnet,
    "densenet": densenet,
    "inception": inception,
    "unet": unet,
    "detector": detector,
    "m5": m5,
    "autoencoder": autoencoder,
    "bilstm_imdb": bilstm_imdb,
    "text_gcn": text_gcn,
}


def noise(model: onnx.ModelProto, count: int, seed: int) -> dict[str, npt.NDArray[Any]]:
    """`count` samples for one of these networks: 1/f noise, or random ids of words."""
    rng = np.random.default_rng(seed)

    def drawn(spec: InputSpec) -> npt.NDArray[Any]:
        return random_ids(spec, count, VOCABULARY, rng) if spec.dtype.kind == "i" else coloured_noise(spec, count, rng)

    return {spec.name: drawn(spec) for spec in specs_of(model)}
