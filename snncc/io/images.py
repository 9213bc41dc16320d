# SPDX-License-Identifier: Apache-2.0
"""Folders of images, converted to the size and channels of a model's input, as uint8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from snncc.errors import DataError, SnnccError

__all__ = ["image_files", "is_image", "read_image"]

Array = npt.NDArray[Any]

_IMAGES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def is_image(path: Path) -> bool:
    """Whether `path` has the extension of an image."""
    return path.suffix.lower() in _IMAGES


def image_files(folder: Path, error: type[SnnccError] = DataError) -> list[Path]:
    """The images of a folder, in reading order."""
    files = sorted(p for p in folder.iterdir() if is_image(p))
    if not files:
        kinds = " ".join(sorted(_IMAGES))
        raise error(f"{folder}: holds no images ({kinds}). Put the images right into the folder.")
    return files


def read_image(path: Path, size: tuple[int, int, int] | None, error: type[SnnccError]) -> Array:
    """One image as uint8 [1, H, W, C]."""
    if size is None:
        raise error(f"{path.parent}: a folder of images, but the model's input is no image. Give an .npz file.")
    height, width, channels = size
    advice = "Repair it or take it out of the folder."
    if not path.is_file():
        raise error(f"{path}: is a folder, a pipe or a device, but no image. {advice}")
    try:
        with Image.open(path) as image:
            converted = _in_8_bits(image, error).convert("L" if channels == 1 else "RGB")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as cause:
        raise error(f"{path}: cannot be read as an image ({cause}). {advice}") from cause
    if converted.size != (width, height):
        converted = converted.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(converted, np.uint8).reshape(1, height, width, channels)


def _in_8_bits(image: Image.Image, error: type[SnnccError]) -> Image.Image:
    """`image`, one of 16 bits scaled to 8; pillow itself clips what is above 255."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        values = np.asarray(image).astype(np.float32) * np.float32(255 / 65535)
        return Image.fromarray(np.rint(values).astype(np.uint8))
    if image.mode in ("I", "F"):
        name = getattr(image, "filename", "the image")
        raise error(f"{name}: has values of 32 bits, whose range is not known. Save it with 8 or 16 bits, or as .npy.")
    return image
