# SPDX-License-Identifier: Apache-2.0
"""`python -m snncc.cli` is the `snncc` command."""

from __future__ import annotations

from snncc.cli.main import main

main(prog_name="snncc")
