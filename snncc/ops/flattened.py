# SPDX-License-Identifier: Apache-2.0
"""Function bodies that compute on two axes, rows and elements, whatever the shape of X.

onnxruntime broadcasts a parameter element by element where the last axis of X has length 1: 20 times slower.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["flattened"]


def flattened(body: str, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """The lines of `body` with these inputs flattened before, and these outputs, of X's other axes, restored behind."""
    names = "|".join(map(re.escape, [*inputs, *outputs]))
    inner = re.sub(rf"(?<![<@])\b({names})\b", r"\1_rows", body)  # but attributes of the same name are left
    before = [f"{name}_rows = Flatten <axis = 1> ({name})" for name in inputs]
    after = ["any_rows = Constant <value_ints = [-1]> ()", f"other_axes = Shape <start = 1> ({inputs[0]})"]
    after += ["unflattened = Concat <axis = 0> (any_rows, other_axes)"]
    after += [f"{name} = Reshape ({name}_rows, unflattened)" for name in outputs]
    return "\n".join([*before, inner, *after])
