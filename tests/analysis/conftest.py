# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tests.recurrent import cosine, layer, network, weights

__all__ = ["cosine", "layer", "network", "weights"]
