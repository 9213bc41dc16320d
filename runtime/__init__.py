# SPDX-License-Identifier: Apache-2.0
"""Run converted models in onnxruntime, with the native neuron kernels.

The ops' function bodies make a converted model run without this library; the kernels make it fast.
"""

from __future__ import annotations

from snncc.io.native_library import get_library_path
from snncc.runtime.session import create_session

__all__ = ["create_session", "get_library_path"]
