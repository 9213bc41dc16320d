# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tests.evaluation.conftest import ann, images, pooled_ann, pooled_images, snn

__all__ = ["ann", "images", "pooled_ann", "pooled_images", "snn"]
