# SPDX-License-Identifier: Apache-2.0
"""The `snncc` command: parse options, call the library once, print tables or JSON.

`main`, the command itself, is imported on first use, so that the entry point `__main__` imports almost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snncc.cli.command_group import main

__all__ = ["main"]


def __getattr__(name: str) -> Any:
    if name == "main":
        from snncc.cli.command_group import main

        return main
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
