# SPDX-License-Identifier: Apache-2.0
"""`python search.py KIND FIRST COUNT FOLDER`: test further cases, KIND network or converted, and save failures.

What is mended afterwards goes to `finds`, as a model that is as small as can be.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pool import outcomes
from worker import bytes_of

if __name__ == "__main__":
    kind, first, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    found = outcomes(f"{kind} {number}" for number in range(first, first + count))
    for case, what in found.items():
        if what not in ("ok", "refused"):
            path = folder / f"{case.replace(' ', '_')}.onnx"
            path.write_bytes(bytes_of(kind, int(case.split()[1])))
            print(f"{path}: {what}")
    print({what: list(found.values()).count(what) for what in ("ok", "refused")}, "of", count)
