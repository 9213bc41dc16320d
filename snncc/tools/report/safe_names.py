# SPDX-License-Identifier: Apache-2.0
"""Node names in the report: untrusted text of any length, with any characters."""

from __future__ import annotations

__all__ = ["printable", "shown"]


def shown(name: str, letters: int = 28) -> str:
    """`name` within so many letters; its end is kept, which says more."""
    plain = printable(name)
    return plain if len(plain) <= letters else f"…{plain[1 - letters :]}"


def printable(text: str) -> str:
    """`text` with a sign in the place of all that cannot be printed, such as what turns the direction of writing."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
