# SPDX-License-Identifier: Apache-2.0
"""Edited metadata raises a SnnccError or has no harmful effect, in every command that reads it."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import helper

import snncc
from snncc.cli import main
from snncc.errors import SnnccError
from snncc.models import digits_network
from snncc.models.digits import load_digits
from tests.effort import EDITED

HOSTILE = (0, -5, 10**9, 2**70, 1e308, -0.5, None, "", "x", [], {}, True, [[1]], {"a": 1}, [10**9] * 4, [-1, 3])
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "phase": (snncc.Phase(T=6, Q=1.5), {}),
    "phase, waiting": (snncc.Phase(T=6, Q=1.5, wait=4), {}),
    "fs": (snncc.FS(K=4), {}),
    "rate": (snncc.Rate(T=4), {}),
    "rate, step": (snncc.Rate(T=4), {"form": "step"}),
    "msat, loop": (snncc.MSAT(T=4), {"form": "loop"}),
}
COMMANDS = (
    "inspect {snn}",
    "run {snn} {data} --limit 2",
    "evaluate {snn} --ann {ann} --data {data} --limit 4",
    "check {snn} --ann {ann} --data {data} --limit 4",
    "debug layers {snn} --ann {ann} --data {data} --limit 4",
    "run {snn} {data} --limit 2 --spikes {folder}/spikes.npz",
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("metadata")
    images = load_digits().test_images[:8]
    np.savez(folder / "data.npz", input=images)
    (folder / "ann.onnx").write_bytes(digits_network())
    for name, (coding, options) in MODELS.items():
        onnx.save(snncc.convert(folder / "ann.onnx", coding, calibration=images, **options), folder / f"{name}.onnx")
    return {"folder": folder, "data": folder / "data.npz", "ann": folder / "ann.onnx", "snn": folder / "edited.onnx"}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value of a JSON document is."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in entries:
        yield from leaves(each, (*path, key))


def edited(model: onnx.ModelProto, rng: random.Random) -> tuple[onnx.ModelProto, str]:
    props = {p.key: p.value for p in model.metadata_props}
    key = rng.choice([k for k in sorted(props) if k.startswith("snncc.") and k != "snncc.version"])
    document = {"": json.loads(props[key])}
    path = rng.choice(list(leaves(document[""], ("",))))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = new = copy.deepcopy(rng.choice(HOSTILE))
    props[key] = json.dumps(document[""])
    result = onnx.ModelProto()
    result.CopyFrom(model)
    helper.set_model_props(result, props)
    return result, f"{key} {'/'.join(map(str, path[1:]))} = {new!r}"


def survives(places: dict[str, Path], seed: int) -> None:
    rng = random.Random(seed)
    name = rng.choice(sorted(MODELS))
    model, what = edited(onnx.load(places["folder"] / f"{name}.onnx"), rng)
    onnx.save(model, places["snn"])
    command = rng.choice(COMMANDS)
    result = CliRunner().invoke(main, [word.format(**places) for word in command.split()])
    where = f"seed {seed}, {name}: {what}; {command}\n{result.output[-500:]}"
    assert result.exception is None or isinstance(result.exception, SystemExit | SnnccError), where
    assert result.exit_code in (0, 1), where


@pytest.mark.parametrize("seed", range(24))
def test_edited_metadata_do_no_harm(places: dict[str, Path], seed: int) -> None:
    survives(places, seed)


@pytest.mark.slow
def test_many_edited_metadata_do_no_harm(places: dict[str, Path]) -> None:
    for seed in range(100, 100 + EDITED):
        survives(places, seed)
