# SPDX-License-Identifier: Apache-2.0
"""All untrained networks by name, each in a size that a test can afford."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import onnx

from snncc.models.branches import densenet, detector, inception, unet
from snncc.models.mobilenet import efficientnet, mobilenet_v1, mobilenet_v2
from snncc.models.one_dimension import autoencoder, m5
from snncc.models.resnet import resnet18, resnet20, resnet34, resnet50
from snncc.models.vgg import vgg16

__all__ = ["ZOO"]

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
}
