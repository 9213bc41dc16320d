# SPDX-License-Identifier: Apache-2.0
"""Networks used in place of a paper's: a trained model with its calibration and test data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snncc.errors import OptionError
from snncc.io.toml_files import path_beside, read_toml
from snncc.ops.msat import PRESETS

__all__ = ["Subject", "read_subjects"]

_KEYS = ("model", "calib", "test", "preprocess", "preset")
_PRESET = "resnet20"  # of networks that are not in the paper


@dataclass(frozen=True)
class Subject:
    """A network.

    Attributes:
        name: What the rows call it.
        model: Path of the trained network.
        calib: Path of its calibration data.
        test: Path of labelled data, other than that.
        preprocess: How uint8 images become inputs.
        preset: Whose parameters MSAT coding takes, of the paper's Table 2; None: as `msat_preset` says.
    """

    name: str
    model: Path
    calib: Path
    test: Path
    preprocess: str | None = None
    preset: str | None = None

    @property
    def msat_preset(self) -> str:
        """The given preset; else that of the network in `name` or in the file name; else that of ResNet-20."""
        told = "".join(letter for letter in f"{self.name} {self.model.stem}".lower() if letter.isalnum())
        return self.preset or next((preset for preset in PRESETS if preset in told), _PRESET)

    @classmethod
    def parse(cls, text: str) -> Subject:
        """From `NAME=MODEL,CALIB,TEST`.

        Raises:
            OptionError: `text` is not like that.
        """
        name, _, rest = text.partition("=")
        paths = [part.strip() for part in rest.split(",")]
        if not name.strip() or len(paths) != 3 or not all(paths):
            raise OptionError(f"'{text}' is no NAME=MODEL,CALIB,TEST, such as ResNet=model.onnx,calib.npz,test.npz")
        model, calib, test = map(Path, paths)
        return cls(name.strip(), model, calib, test)


def read_subjects(path: Path) -> list[Subject]:
    """Read a TOML file with a table for each network: `model`, `calib`, `test`; optionally `preprocess` and `preset`.

    Paths are taken from the file's own folder.

    Raises:
        OptionError: the file cannot be read or names no network, or a network lacks something.
    """
    entries = read_toml(path)
    if not entries:
        raise OptionError(f"{path}: names no network. Give each a table [NAME] with model, calib and test.")
    return [_subject(path, name, entry) for name, entry in entries.items()]


def _subject(path: Path, name: str, entry: Any) -> Subject:
    sound = isinstance(entry, dict) and all(isinstance(value, str) for value in entry.values())
    if not sound or not {"model", "calib", "test"} <= set(entry) <= set(_KEYS):
        raise OptionError(
            f"{path}: [{name}] must have model, calib and test, and may have preprocess and preset, all as text"
        )
    preset = entry.get("preset")
    if preset not in (None, *PRESETS):
        raise OptionError(f"{path}: [{name}] has preset '{preset}', but it must be one of {', '.join(PRESETS)}")
    model, calib, test = (path_beside(path, entry[key]) for key in _KEYS[:3])
    return Subject(name, model, calib, test, entry.get("preprocess"), preset)
