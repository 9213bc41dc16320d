# SPDX-License-Identifier: Apache-2.0
"""Size of the slow tests: reduced for continuous integration, or complete with `SNNCC_THOROUGH=1`.

Bars are the same for both: losses of trained networks are points against the ANN on the same images.
"""

from __future__ import annotations

import os

__all__ = ["ALL_IMAGES", "DRAWN", "EDITED", "EXAMPLES", "IMAGES", "KILLS", "MUTATED", "THOROUGH"]

THOROUGH = os.environ.get("SNNCC_THOROUGH") == "1"

ALL_IMAGES = 5000
IMAGES = ALL_IMAGES if THOROUGH else 1000  # that a trained network is evaluated on
DRAWN = 300 if THOROUGH else 12  # networks of each kind in tests/generated
EXAMPLES = 200 if THOROUGH else 40  # of each property
KILLS = 20 if THOROUGH else 2  # of each command that writes
MUTATED = {"network": 1400, "converted": 600} if THOROUGH else {"network": 210, "converted": 90}
EDITED = 500 if THOROUGH else 120  # metadata
