# SPDX-License-Identifier: Apache-2.0
"""Text output of `snncc inspect` for a network that is not converted."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["sentences"]


def sentences(
    analog: Mapping[str, Mapping[str, str]],
    recurrent: Mapping[str, str],
    refused: Mapping[str, str],
    shares: Mapping[str, float | None],
) -> str:
    """One line per group of codings with the same analog ops, the same share of operations that spikes drive, or the
    same reason for refusal.
    """
    from snncc.coding import CODINGS

    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for coding, analog_ops in analog.items():
        groups.setdefault(tuple(analog_ops.items()), []).append(coding)
    lines = []
    for stays, codings in groups.items():
        by = "" if len(codings) == len(CODINGS) else f" with --coding {' or '.join(codings)}"
        named = ", ".join(f"{op} '{name}'" for name, op in stays)
        analog_parts = f"; {len(stays)} op(s) would stay analog: {named}" if stays else ""
        lines.append(f"It converts{by}{analog_parts}.")
    lines += _shares(shares)
    for reason in dict.fromkeys(refused.values()):
        codings = [name for name, given in refused.items() if given == reason]
        lines.append(f"Not with --coding {' or '.join(codings)}: {reason}")
    if recurrent:
        named = ", ".join(f"{op} '{name}'" for name, op in recurrent.items())
        lines.append(f"The gates of {len(recurrent)} recurrent layer(s) become few-spikes neurons: {named}.")
    return "\n".join(lines)


def _shares(shares: Mapping[str, float | None]) -> list[str]:
    """The largest share first."""
    groups: dict[str, list[str]] = {}
    for coding, share in sorted(shares.items(), key=lambda item: -(item[1] or 0.0)):
        if share is not None:
            groups.setdefault(f"{100 * share:.4g} %", []).append(coding)
    parts = [f"{share} with --coding {' or '.join(codings)}" for share, codings in groups.items()]
    return [f"Spikes would drive {', '.join(parts)} of the multiply-accumulates."] if parts else []
