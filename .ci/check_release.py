# SPDX-License-Identifier: Apache-2.0
"""Check that an sdist and a wheel contain the required files and no others.

python .ci/check_release.py DIR
"""

from __future__ import annotations

import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).parents[1]
_SOURCES = re.compile(r"\.(cc|cu|cuh|h|map)$|CMakeLists\.txt$")
_PRIVATE = re.compile(r"(^|/)\.(?!ci/)|id_rsa|\.(pem|key)$|notes\.txt$")  # of a developer
_MOST = {"sdist": 5_000_000, "wheel": 40_000_000}  # bytes
_NEEDED = {
    "sdist": [
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "runtime/CMakeLists.txt",
        "snncc/cli/command_group.py",
        "passes/pipeline.py",
    ],
    "wheel": [
        "snncc/py.typed",
        "snncc/cli/command_group.py",
        "snncc/coding/fs_tables/fs_tables.json",
        "snncc/evaluation/evaluate.schema.json",
        "snncc/models/digits_cnn.onnx",
        "snncc/passes/pipeline.py",
        "snncc/tools/paper_tables/papers/msat.toml",
        "snncc/tools/report/report.html",
    ],
}


def faults(folder: Path) -> Iterator[str]:
    """What is wrong with the sdist and the wheel in `folder`."""
    sdists, wheels = sorted(folder.glob("*.tar.gz")), sorted(folder.glob("*.whl"))
    if len(sdists) != 1 or len(wheels) != 1:
        yield f"{folder} holds {len(sdists)} sdists and {len(wheels)} wheels, not one of each"
        return
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    heading = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    if heading is None or heading[1] != version:
        yield f"CHANGELOG.md begins with {heading and heading[1]}, pyproject.toml has version {version}"
    with tarfile.open(sdists[0]) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    yield from _in_both("sdist", sdists[0], names, version)
    with zipfile.ZipFile(wheels[0]) as archive:
        names = archive.namelist()
        metadata = Parser().parsestr(archive.read(f"snncc-{version}.dist-info/METADATA").decode())
    yield from _in_both("wheel", wheels[0], names, version)
    yield from _in_wheel(wheels[0], names)
    if metadata["Version"] != version:
        yield f"the wheel's metadata have version {metadata['Version']}, not {version}"


def _in_both(kind: str, path: Path, names: list[str], version: str) -> Iterator[str]:
    if not path.name.startswith(f"snncc-{version}"):
        yield f"{path.name} is not of version {version}"
    if path.stat().st_size > _MOST[kind]:
        yield f"the {kind} has {path.stat().st_size} bytes, more than {_MOST[kind]}"
    yield from (f"the {kind} lacks {name}" for name in _NEEDED[kind] if name not in names)
    strange = [n for n in names if "onnxruntime" in n.lower() and n.endswith((".so", ".dll", ".dylib", ".h"))]
    strange += [n for n in names if "__pycache__" in n or n.startswith("build/") or _PRIVATE.search(n)]
    yield from (f"the {kind} holds {name}" for name in strange)


def _in_wheel(path: Path, names: list[str]) -> Iterator[str]:
    libraries = [n for n in names if re.search(r"\.(so|dll|dylib)([.\d]*)$", n)]
    if libraries != ["snncc/runtime/libsnncc_ops.so"]:
        yield f"the wheel's libraries are {libraries}, not the one of our ops alone"
    yield from (f"the wheel holds the source {name}" for name in names if _SOURCES.search(name))
    if "-py3-none-manylinux" not in path.name:
        yield f"{path.name} is not for any Python 3 and any Linux"


if __name__ == "__main__":
    found = list(faults(Path(sys.argv[1])))
    print("\n".join(found) or f"{', '.join(sorted(p.name for p in Path(sys.argv[1]).iterdir()))}: fine")
    sys.exit(bool(found))
