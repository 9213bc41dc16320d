# SPDX-License-Identifier: Apache-2.0
"""Sum the totals of pytest's logs; fail if a log is incomplete or contains no passed test."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

__all__ = ["closing", "main"]

_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)")
_BAD = ("failed", "error", "errors")


def closing(log: str) -> Counter[str]:
    """What the last line of a log of pytest counts, by outcome; ValueError where it is no such line."""
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "")
    found = Counter({kind: int(number) for number, kind in _COUNT.findall(last)})
    if not re.search(r" in [\d.]+s", last) or not found:
        raise ValueError(f"the log does not end as pytest ends it, but with: {last[:200]}")
    return found


def main(paths: list[str]) -> int:
    """Print what ran in each log and in all; 1 if anything failed, or nothing passed in one of them."""
    total: Counter[str] = Counter()
    bad = 0
    for path in paths:
        try:
            counts = closing(Path(path).read_text(encoding="utf-8", errors="replace"))
        except ValueError as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 1
        print(f"{Path(path).stem}: " + ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())))
        total += counts
        bad += sum(counts[kind] for kind in _BAD) + (not counts["passed"])
    print(f"{total['passed']} passed, {bad} failed, {total['skipped'] + total['xfailed']} skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
