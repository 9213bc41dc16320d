# SPDX-License-Identifier: Apache-2.0
"""Convert integer pixels to the floats that a network was trained on.

value = (pixel * scale - mean image - mean) / std, computed in float64 and rounded once to the model's element type.
With `bgr` the channels are reversed first, so that every mean and std is in the order that the network sees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.errors import OptionError

__all__ = ["PRESETS", "Preprocess"]

Array = npt.NDArray[Any]

PRESETS = {
    "raw": "",
    "unit": "scale=1/255",
    "imagenet": "scale=1/255,mean=.485 .456 .406,std=.229 .224 .225",
}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+|/\d+)?")
_KEYS = "scale=1/255, mean=0.5 0.5 0.5, mean=file.npy, std=0.2 0.2 0.2, bgr"


@dataclass(frozen=True, eq=False)
class Preprocess:
    """How pixels become a network's input.

    Attributes:
        scale: factor of the raw pixel.
        mean: one value, or one per channel, in scaled units.
        std: one value, or one per channel, in scaled units; none of them 0.
        mean_image: image [H, W, C] that is subtracted from every image (as in Caffe), in scaled units.
        bgr: reverse the channels, which come as RGB.
        text: what it was parsed from, for messages and metadata.
    """

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    mean_image: Array | None = None
    bgr: bool = False
    text: str = "raw"

    @classmethod
    def of(cls, given: Preprocess | str | None) -> Preprocess | None:
        """The preprocessing given by an option, parsed if it is text; None stays None."""
        return cls.parse(given) if isinstance(given, str) else given

    @classmethod
    def parse(cls, text: str) -> Preprocess:
        """Read a preset (`raw`, `unit`, `imagenet`) or keys separated by commas; a preset may come first.

        Several values of a key are separated by spaces or commas.

        Raises:
            OptionError: an unknown key, a value that is no number, a std of 0, a mean file that cannot be read.
        """
        fields: dict[str, Any] = {"text": text}
        parts = [p for part in _parts(text) for p in PRESETS.get(part, part).split(",") if p]
        for part in parts:
            key, _, value = part.partition("=")
            if key == "bgr" and not value:
                fields["bgr"] = True
            elif key == "scale" and value:
                fields["scale"] = _numbers(part, value)[0]
            elif key == "mean" and value.endswith(".npy"):
                fields["mean_image"] = _mean_image(value)
            elif key in ("mean", "std") and value:
                fields[key] = _numbers(part, value)
            else:
                known = f"the presets {', '.join(PRESETS)} or keys such as {_KEYS}"
                raise OptionError(f"--preprocess: '{part}' is unknown. Give {known}.")
        if not all(fields.get("std", (1.0,))):
            raise OptionError("--preprocess: std holds a 0, by which nothing can be divided. Give positive values.")
        return cls(**fields)

    def __call__(self, images: Array) -> Array:
        """Turn images [..., H, W, C] of any number type into float64 values of the same shape.

        Raises:
            OptionError: mean, std or the mean image do not fit the images' shape.
        """
        values = images[..., ::-1] if self.bgr else images
        values = values.astype(np.float64) * self.scale
        if self.mean_image is not None:
            if self.mean_image.shape != values.shape[-3:]:
                shapes = f"is {self.mean_image.shape}, the images are {values.shape[-3:]} (H, W, C)"
                raise OptionError(f"--preprocess: the mean image {shapes}. Give the mean of images of that size.")
            values -= self.mean_image
        for name, vector in (("mean", self.mean), ("std", self.std)):
            if len(vector) not in (1, values.shape[-1]):
                count = f"has {len(vector)} values, the images have {values.shape[-1]} channel(s)"
                raise OptionError(f"--preprocess: {name} {count}. Give one value, or one per channel.")
        result: Array = (values - np.asarray(self.mean)) / np.asarray(self.std)
        return result


def _parts(text: str) -> list[str]:
    """What stands between the commas; a bare number goes on with the values of the mean or std before it."""
    parts: list[str] = []
    for part in map(str.strip, text.split(",")):
        if parts and parts[-1].startswith(("mean=", "std=")) and all(map(_NUMBER.fullmatch, part.split())):
            parts[-1] += f" {part}"
        else:
            parts.append(part)
    return parts


def _numbers(part: str, value: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(Fraction(word)) for word in value.split())
    except (ValueError, ZeroDivisionError) as error:
        message = f"--preprocess: '{part}' holds something that is no number"
        raise OptionError(f"{message}. Write numbers or fractions, with spaces or commas between them.") from error
    if not numbers:
        raise OptionError(f"--preprocess: '{part}' holds no number.")
    return numbers


def _mean_image(name: str) -> Array:
    try:
        image = np.load(Path(name), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise OptionError(f"--preprocess: mean image '{name}' cannot be read ({error}). Give an .npy file.") from error
    if image.ndim not in (2, 3) or image.dtype.kind not in "fiu":
        raise OptionError(f"--preprocess: '{name}' is {image.dtype} {image.shape}, not an image [H, W, C].")
    return np.asarray(image[..., None] if image.ndim == 2 else image, np.float64)
