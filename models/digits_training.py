# SPDX-License-Identifier: Apache-2.0
"""Training of small networks on the digits, seeded, and what their scripts print."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from snncc.models.builder import Array
from snncc.models.digits import Digits, load_digits

__all__ = ["Recipe", "fit", "seeded_torch", "write"]

_BATCH = 32


@dataclass(frozen=True)
class Recipe:
    """AdamW with a one-cycle schedule.

    Attributes:
        epochs: Passes over the training images.
        rate: The highest learning rate.
        decay: Weight decay.
        smoothing: Of the labels.
        bend: Deviation of a random affine map of each image; 0: all of a batch are moved by up to one pixel.
    """

    epochs: int
    rate: float
    decay: float
    smoothing: float
    bend: float = 0.0


def seeded_torch(seed: int) -> Any:
    """torch, whose results are the same for the same seed."""
    torch: Any = importlib.import_module("torch")
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # sums in one order
    torch.use_deterministic_algorithms(True)
    return torch


def fit(torch: Any, parameters: list[Any], forward: Callable[[Any], Any], data: Digits, recipe: Recipe) -> None:
    """Train `parameters` so that `forward`, [N, 1, H, W] -> [N, classes], gives the labels."""
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    epochs, steps = recipe.epochs, -(-len(images) // _BATCH)
    optimizer = torch.optim.AdamW(parameters, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, epochs=epochs, steps_per_epoch=steps)
    for _ in range(epochs):
        for index in torch.randperm(len(images)).split(_BATCH):
            shown = _bent(torch, images[index], recipe.bend) if recipe.bend else _shifted(torch, images[index])
            loss = torch.nn.functional.cross_entropy(forward(shown), labels[index], label_smoothing=recipe.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def write(path: Path, model: onnx.ModelProto, inputs: Callable[[Array], Array] = lambda images: images) -> None:
    """Write the network, and print its accuracy in onnxruntime; `inputs` makes its input of images."""
    import onnxruntime as ort

    data = load_digits()
    path.write_bytes(model.SerializeToString(deterministic=True))
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds: Mapping[str, Array] = {"input": inputs(data.test_images)}
    logits = session.run(None, dict(feeds))[0]
    accuracy = float(np.mean(logits.argmax(1) == data.test_labels))
    print(f"{path}: {path.stat().st_size} bytes, {100 * accuracy:.1f} % of {len(data.test_labels)} test images")


def _bent(torch: Any, images: Any, bend: float) -> Any:
    """Each image under its own affine map near the identity."""
    count = len(images)
    maps = torch.eye(2, 3) + torch.cat([bend * torch.randn(count, 2, 2), 0.8 * bend * torch.randn(count, 2, 1)], 2)
    grid = torch.nn.functional.affine_grid(maps, images.shape, align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False)


def _shifted(torch: Any, images: Any) -> Any:
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    top, left = torch.randint(0, 3, (2,)).tolist()
    return padded[:, :, top : top + images.shape[2], left : left + images.shape[3]]
