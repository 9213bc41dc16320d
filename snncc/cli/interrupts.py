# SPDX-License-Identifier: Apache-2.0
"""What the command prints and returns after Ctrl-C; imports nothing, since it is needed during imports."""

__all__ = ["MESSAGE", "STATUS"]

MESSAGE = "Interrupted."
STATUS = 130  # 128 + SIGINT, as of shells
