# SPDX-License-Identifier: Apache-2.0
"""Print the lowest versions that pyproject.toml declares, as pip constraints: one `name==version` per line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

__all__ = ["lowest"]

_FLOOR = re.compile(r"([\w-]+)(?:\[[^]]*\])?>=([\w.]+)")


def lowest(pyproject: str) -> list[str]:
    """The constraints, of the dependencies and of the extras that users install; what has no floor is left free."""
    project = tomllib.loads(pyproject)["project"]
    extras = [each for name, extra in project["optional-dependencies"].items() if name != "dev" for each in extra]
    declared = [*project["dependencies"], *extras]
    return sorted({f"{found[1]}=={found[2]}" for each in declared if (found := _FLOOR.match(each))})


if __name__ == "__main__":
    print("\n".join(lowest((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))))
