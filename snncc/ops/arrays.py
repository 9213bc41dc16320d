# SPDX-License-Identifier: Apache-2.0
"""Array types of the ops and of all layers above them."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

__all__ = ["Array"]

Array = npt.NDArray[Any]
