# SPDX-License-Identifier: Apache-2.0
"""Node names in the report: untrusted text of any length, with any characters."""

from __future__ import annotations

__all__ = ["printable", "shown"]


def shown(name: str, letters: int = 28) -> str:
    """`name` shortened to this many characters; its end, the most specific part, is kept."""
    plain = printable(name)
    return plain if len(plain) <= letters else f"…{plain[1 - letters :]}"


def printable(text: str) -> str:
    """`text` with a replacement for unprintable characters, such as those that change the writing direction."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
