# SPDX-License-Identifier: Apache-2.0
"""Add the folder of a release to the corpus of converted models: `python tests/corpus/make.py`.

Each release has a folder of its own, named after its version, with small networks converted by that release in every
coding and form, and what they gave for some inputs. Later releases must read them all and give the same for good
(`test_corpus.py`). So a folder, once released, is never made again; this script refuses to.

The networks' weights, inputs and most of the scales are multiples of powers of two with few digits, so that sums are
exact, in whatever order they are taken, and every output can be asked for to the last bit. `exact` in an .npz file is
false where that cannot be: bases other than 2, adaptive thresholds, fitted tables, analog ops.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, parser

import snncc
from snncc import ops
from snncc.errors import OptionError
from snncc.execution.stream import is_single_step
from snncc.ir.nodes import all_nodes
from snncc.runtime import create_session

HERE = Path(__file__).parent

CNN = """g (float[N, 1, 8, 8] x) => (float[N, 3] y) {
    c1 = Conv <pads = [1, 1, 1, 1]> (x, W1, b1)  r1 = Relu(c1)
    p1 = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r1)
    c2 = Conv <pads = [1, 1, 1, 1]> (p1, W2)  a2 = Add(c2, p1)  r2 = Relu(a2)
    p2 = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (r2)  f = Flatten(p2)  y = Gemm(f, W3, b3) }"""
MLP = "g (float[N, 6] x) => (float[N, 3] y) { c = Gemm(x, V1, d1)  r = ACTIVATION(c)  y = Gemm(r, V2) }"
ISLAND = """g (float[N, 6] x) => (float[N, 3] y) {
    c = Gemm(x, V1, d1)  r = Relu(c)  m = Gemm(r, V3)
    s = Sigmoid(m)  k = Gemm(s, V3)  q = Relu(k)  y = Gemm(q, V2) }"""
GRAPH = """g (float[N, 6, 4] x) => (float[N, 6, 3] y) {
    m = MatMul(x, G1)  a = MatMul(E, m)  r = Relu(a)  n = MatMul(r, G2)  y = MatMul(E, n) }"""
SHAPES = {"W1": (3, 1, 3, 3), "b1": (3,), "W2": (3, 3, 3, 3), "W3": (12, 3), "b3": (3,)}
SHAPES |= {"V1": (6, 5), "d1": (5,), "V2": (5, 3), "V3": (5, 5), "E": (6, 6), "G1": (4, 5), "G2": (5, 3)}


@dataclass(frozen=True)
class Recipe:
    """How a model of the corpus comes about."""

    coding: Any
    exact: bool = True
    network: str = CNN
    options: Mapping[str, Any] = field(default_factory=dict)


PHASE, WAIT = snncc.Phase(T=6, Q=2.0), snncc.Phase(T=6, Q=2.0, wait=4)
FINE = snncc.Phase(T=6, spikes=2, levels=(1.0, 0.5, 0.25), fine=(0.125, 0.0625, 0.03125))
FEW, RATE, MSAT = snncc.FS(K=5), snncc.Rate(T=8), snncc.MSAT(T=6)
DOUBTFUL = snncc.MSAT(T=6, confidence=0.5, early=3)
LOOP, STEP, ANYTIME = {"form": "loop"}, {"form": "step"}, {"anytime": True}
SILU = MLP.replace("ACTIVATION(c)", "Mul(c, s)").replace("r =", "s = Sigmoid(c)  r =")

EARLIER = {"SignedIFNeuron"}  # ops of earlier versions, which no coding uses any more

RECIPES = {
    "phase": Recipe(PHASE),
    "phase_base": Recipe(snncc.Phase(T=8, Q=1.3, input="analog"), exact=False),
    "phase_spikes": Recipe(snncc.Phase(T=6, Q=2.0, spikes=2), network=MLP.replace("ACTIVATION", "Relu")),
    "phase_wait": Recipe(WAIT),
    "phase_loop": Recipe(PHASE, options=LOOP),
    "phase_step": Recipe(WAIT, options=STEP),
    "phase_graph": Recipe(PHASE, network=GRAPH),
    "phase_int8": Recipe(PHASE, exact=False, options={"weights": "int8", "fold_bn": "threshold"}),
    "phase_island": Recipe(PHASE, exact=False, network=ISLAND),
    "fs": Recipe(FEW),
    "fs_silu": Recipe(snncc.FS(K=8), exact=False, network=SILU),
    "fs_half": Recipe(FEW, exact=False, network=MLP.replace("ACTIVATION", "Relu").replace("float[", "float16[")),
    "fs_loop": Recipe(FEW, options=LOOP),
    "fs_step": Recipe(FEW, options=STEP),
    "phase_fine": Recipe(FINE, network=MLP.replace("ACTIVATION", "Relu")),
    "differential": Recipe(snncc.Differential(T=3, n=4), options={"levels": "powers"}),
    "rate": Recipe(RATE),
    "rate_unsigned": Recipe(snncc.Rate(T=8, signed=False)),
    "rate_signed": Recipe(snncc.Rate(T=8, signed=True)),
    "rate_wait": Recipe(snncc.Rate(T=8, wait=8)),
    "rate_anytime": Recipe(RATE, options=ANYTIME),
    "rate_loop": Recipe(RATE, options=LOOP),
    "rate_step": Recipe(RATE, options=STEP),
    "rate_graph": Recipe(RATE, network=GRAPH),
    "rate_island": Recipe(RATE, exact=False, network=ISLAND),
    "msat": Recipe(MSAT, exact=False),
    "msat_doubt": Recipe(DOUBTFUL, exact=False),
    "msat_anytime": Recipe(MSAT, exact=False, options=ANYTIME),
    "msat_loop": Recipe(MSAT, exact=False, options=LOOP),
    "msat_step": Recipe(DOUBTFUL, exact=False, options=STEP),
}


def network(text: str) -> onnx.ModelProto:
    """The network, its weights drawn from multiples of 1/8."""
    rng = np.random.default_rng(1)
    dtype = np.float16 if "float16" in text else np.float32
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{text}')
    used = {name for node in model.graph.node for name in node.input}
    for name, shape in SHAPES.items():
        value = rng.integers(-6, 8, shape) / 8
        if name == "E":  # edges between neighbours only
            value = np.triu(np.tril(value, 1), -1)
        if name in used:
            model.graph.initializer.append(numpy_helper.from_array(value.astype(dtype), name))
    return model


def samples(model: onnx.ModelProto, count: int, seed: int) -> np.ndarray:
    """Inputs, multiples of 1/8 in -1 … 1."""
    kind = model.graph.input[0].type.tensor_type
    shape = [d.dim_value for d in kind.shape.dim[1:]]
    values = np.random.default_rng(seed).integers(-8, 9, (count, *shape)) / 8
    return values.astype(helper.tensor_dtype_to_np_dtype(kind.elem_type))


def outputs(model: onnx.ModelProto, x: np.ndarray) -> dict[str, np.ndarray]:
    """What the model gives; of a model of single time steps, what it gives at each of them."""
    if is_single_step(model):
        stream = snncc.Stream(model, "cpu")
        stream.start(x)
        steps = list(stream)
        return {name: np.stack([found[name] for found in steps]) for name in stream.outputs}
    session = create_session(model, device="cpu")
    names = [value.name for value in model.graph.output]
    return dict(zip(names, session.run(None, {model.graph.input[0].name: x}), strict=True))


def spikes(model: onnx.ModelProto, x: np.ndarray) -> dict[str, np.ndarray]:
    """Number of spikes of each layer, where they can be recorded."""
    try:
        trains, _ = snncc.spike_trains(model, x, device="cpu")
    except OptionError:
        return {}
    return {layer.name: np.array(layer.count) for layer in trains.layers}


def make(name: str, recipe: Recipe, folder: Path) -> set[str]:
    """Write a model and what it gives; the ops of ours in it."""
    source = network(recipe.network)
    exact = {"normalize": "none", "scale": "max", "match": False}  # leaves weights as they are
    calibration = samples(source, 32, seed=2)
    model = snncc.convert(source, recipe.coding, calibration=calibration, **exact, **recipe.options)
    x = samples(source, 4, seed=3)
    found = {f"output {k}": v for k, v in outputs(model, x).items()}
    found |= {f"spikes {k}": v for k, v in spikes(model, x).items()}
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    np.savez_compressed(folder / f"{name}.npz", x=x, exact=recipe.exact, **found)
    return {node.op_type for node in all_nodes(model.graph) if node.domain == ops.DOMAIN}


def main() -> None:
    """Make the folder of the version that is installed, whole or not at all."""
    final = HERE / snncc.__version__
    if final.exists():
        sys.exit(f"{final} is there already. What a release wrote stays as it is: raise the version for a new folder.")
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".making-") as made:
        folder = Path(made) / final.name
        folder.mkdir()
        used = set().union(*(make(name, recipe, folder) for name, recipe in RECIPES.items()))
        missing = {op.name for op in ops.all_ops()} - used - EARLIER
        if missing:
            sys.exit(f"no model has {', '.join(sorted(missing))}; add a recipe that leads to it")
        folder.rename(final)
    size = sum(file.stat().st_size for file in final.iterdir())
    print(f"{final}: {len(RECIPES)} models, {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
