# SPDX-License-Identifier: Apache-2.0
"""Write .npz archives of arrays under names that come from models.

`numpy.savez` uses some names for its own arguments (`file`, `allow_pickle`), and writes others as paths that lead out
of the folder into which the archive is unpacked.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["entry_names", "npz_bytes"]


def npz_bytes(arrays: Mapping[str, npt.ArrayLike], *, compress: bool = False) -> bytes:
    """The content of an .npz file of `arrays`, each under the name from `entry_names`."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, value in zip(entry_names(arrays), arrays.values(), strict=True):
            with archive.open(_entry(name, method), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=False)
    return buffer.getvalue()


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    """An entry without the time of day, so that the same arrays give the same bytes."""
    info = zipfile.ZipInfo(f"{name}.npy")
    info.compress_type = method
    return info


def entry_names(names: Iterable[str]) -> list[str]:
    """A unique relative path for each name; names that are such paths are unchanged."""
    found: dict[str, Any] = {}
    for name in names:
        parts = re.split(r"[/\\]", name.replace("\0", "_").encode("utf-8", "replace").decode())
        plain = "/".join("_" if part in (".", "..") else part for part in parts if part) or "_"
        plain = re.sub(r"^([A-Za-z]):(?=/)", r"\1_", plain)
        number, chosen = 0, plain
        while chosen in found:
            number += 1
            chosen = f"{plain}_{number}"
        found[chosen] = None
    return list(found)
