# SPDX-License-Identifier: Apache-2.0
"""What numbers come in, in the ops and in everything above them."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

__all__ = ["Array"]

Array = npt.NDArray[Any]
