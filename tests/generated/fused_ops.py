# SPDX-License-Identifier: Apache-2.0
"""Networks with onnxruntime-specific ops: written directly, with drawn attributes, or saved after optimisation."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper, parser

from tests.generated.harness import Case, text_of

__all__ = ["draw"]

_SAMPLES = 24
_RELUS = ("Relu", "Relu", "LeakyRelu")
_CURVES = ("Tanh", "Sigmoid", "HardSigmoid")
_GELU = "{b} = Div ({a}, {r}) {c} = Erf ({b}) {d} = Add ({c}, {one}) {e} = Mul ({a}, {d}) {o} = Mul ({e}, {half})"
_TANH_GELU = (
    "{b} = Pow ({a}, {three}) {c} = Mul ({b}, {k}) {d} = Add ({a}, {c}) {e} = Mul ({d}, {s}) {f} = Tanh ({e}) "
    "{g} = Add ({f}, {one}) {h} = Mul ({a}, {half}) {o} = Mul ({h}, {g})"
)
_NORM = (
    "{b} = ReduceMean <axes: ints = [-1]> ({a}) {c} = Sub ({a}, {b}) {d} = Pow ({c}, {two}) "
    "{e} = ReduceMean <axes: ints = [-1]> ({d}) {f} = Add ({e}, {eps}) {g} = Sqrt ({f}) {h} = Div ({c}, {g}) "
    "{i} = Mul ({h}, {gamma}) {o} = Add ({i}, {beta})"
)
_RMS = (
    "{b} = Pow ({a}, {two}) {c} = ReduceMean <axes: ints = [-1]> ({b}) {d} = Add ({c}, {eps}) {e} = Sqrt ({d}) "
    "{f} = Div ({a}, {e}) {o} = Mul ({f}, {gamma})"
)


class Body:
    """The text of a network that grows, and its weights."""

    def __init__(self, rng: np.random.Generator, width: int, *, curves: bool) -> None:
        self.rng = rng
        self.curves = curves
        self.width = width
        self.lines: list[str] = []
        self.weights: dict[str, np.ndarray] = {}
        self._count = 0

    def activation(self, *more: str) -> str:
        """The name of one; those that are curves only if the network has them."""
        return str(self.rng.choice([*_RELUS, *(_CURVES + more if self.curves else ())]))

    def fresh(self) -> str:
        """A name."""
        self._count += 1
        return f"t{self._count}"

    def weight(self, *shape: int, scale: float = 1.0) -> str:
        """A drawn weight."""
        fan = max(1, int(np.prod(shape[1:]))) if len(shape) > 1 else 4
        return self.given(scale * self.rng.normal(0.05, 1, shape) / np.sqrt(fan))

    def positive(self, *shape: int) -> str:
        """A drawn weight without signs, so that what it adds up does not cancel out."""
        return self.given(self.rng.uniform(0.2, 1, shape) / shape[0])

    def given(self, value: object) -> str:
        """A constant of float32."""
        name = self.fresh()
        self.weights[name] = np.asarray(value, np.float32)
        return name

    def line(self, text: str) -> str:
        """Add `… = …` for a new name that is returned; `text` is what stands after the equals sign."""
        name = self.fresh()
        self.lines.append(f"{name} = {text}")
        return name

    def spelled(self, template: str, source: str, **constants: object) -> str:
        """Add the nodes of a template."""
        names = {k: self.given(v) for k, v in constants.items()}
        names |= {k: self.fresh() for k in "bcdefghi" if k not in names}
        result = self.fresh()
        self.lines.append(template.format(a=source, o=result, **names))
        return result

    def model(self, inputs: str, outputs: str, opset: int, domains: str = "") -> onnx.ModelProto:
        """The network."""
        text = " ".join(self.lines)
        head = f'<ir_version: 8, opset_import: ["": {opset}{domains}]> g ({inputs}) => ({outputs})'
        model = parser.parse_model(f"{head} {{ {text} }}")
        model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in self.weights.items())
        return model


def draw(rng: np.random.Generator, *, curves: bool = False) -> Case:
    """A network of one of the two kinds, with activations of ReLUs only, or with `curves`, too."""
    return _written(rng, curves=curves) if rng.random() < 0.6 else _saved(rng, curves=curves)


def _written(rng: np.random.Generator, *, curves: bool) -> Case:
    kind = str(rng.choice(["conv", "gemm", "sequence"]))
    body = Body(rng, int(rng.integers(3, 7)), curves=curves)
    layers = {"conv": _fused_conv, "gemm": _fused_gemm, "sequence": _on_sequences}[kind]
    lead = {"conv": (4, 4), "gemm": (), "sequence": (3,)}[kind]
    tensor = body.line("Relu (x)")
    for _ in range(int(rng.integers(1, 4))):
        tensor = layers(body, tensor)
    body.lines.append(f"y = Identity ({tensor})")
    axes = "".join(f", {d}" for d in lead)
    shape = f"N, {body.width}{axes}" if kind == "conv" else f"N{axes}, {body.width}"
    opset = int(rng.choice([11, 13, 15, 17, 19, 21]))
    model = body.model(f"float[{shape}] x", f"float[{shape}] y", opset, ', "com.microsoft": 1')
    size = (body.width, *lead) if kind == "conv" else (*lead, body.width)
    return _case(rng, model, size)


def _fused_conv(body: Body, source: str) -> str:
    rng, width = body.rng, body.width
    name = str(rng.choice([body.activation(), body.activation(), "Clip"]))
    given = {"LeakyRelu": [0.2], "HardSigmoid": [0.3, 0.4], "Clip": [0.0, 1.5]}.get(name, [])
    attributes = [f'activation: string = "{name}"', "pads: ints = [1, 1, 1, 1]", "kernel_shape: ints = [3, 3]"]
    if given:
        attributes.append(f"activation_params: floats = {given}")
    inputs = [source, body.weight(width, width, 3, 3)]
    inputs.append(body.weight(width, scale=0.4) if rng.random() < 0.7 else "")
    if rng.random() < 0.4:
        inputs.append(source)
    return body.line(f"com.microsoft.FusedConv <{', '.join(attributes)}> ({', '.join(inputs).rstrip(', ')})")


def _fused_gemm(body: Body, source: str) -> str:
    rng, width = body.rng, body.width
    kind = str(rng.choice(["gemm", "gemm", "matmul", *(["curve"] if body.curves else [])]))
    if kind == "gemm":
        name = body.activation("Elu", "Softplus", "Selu")
        attributes = [f'activation: string = "{name}"', f"transB: int = {rng.integers(2)}"]
        alphas = {"LeakyRelu": "activation_alpha: float = 0.3", "Elu": "activation_alpha: float = 0.7"}
        alphas |= {"HardSigmoid": "activation_alpha: float = 0.3, activation_beta: float = 0.4"}
        alphas |= {"Selu": "activation_alpha: float = 1.3, activation_gamma: float = 0.9"}
        attributes += [alphas[name]] if name in alphas else []
        attributes += ["alpha: float = 0.7, beta: float = 1.4"] if rng.random() < 0.4 else []
        inputs = [source, body.weight(width, width)]
        inputs += [body.weight(width, scale=0.4)] if rng.random() < 0.7 else []
        return body.line(f"com.microsoft.FusedGemm <{', '.join(attributes)}> ({', '.join(inputs)})")
    if kind == "matmul":
        return _fused_matmul(body, source)
    return _curve(body, source)


def _fused_matmul(body: Body, source: str) -> str:
    attributes = f"transB: int = {body.rng.integers(2)}, alpha: float = {body.rng.choice([0.5, 1.0, 1.5])}"
    product = body.line(f"com.microsoft.FusedMatMul <{attributes}> ({source}, {body.weight(body.width, body.width)})")
    return body.line(f"Relu ({product})")


def _curve(body: Body, source: str) -> str:
    bias = body.weight(body.width, scale=0.4)
    calls = [f"Gelu ({source})", f"FastGelu ({source})", f"FastGelu ({source}, {bias})", f"BiasGelu ({source}, {bias})"]
    calls += [f"QuickGelu ({source})", f"QuickGelu <alpha: float = 1.2> ({source})"]
    hidden = body.line(f"com.microsoft.{body.rng.choice(calls)}")
    return body.line(f"MatMul ({hidden}, {body.weight(body.width, body.width)})")


def _on_sequences(body: Body, source: str) -> str:
    rng, width = body.rng, body.width
    gamma, beta, bias = (body.given(1 + 0.3 * rng.normal(0, 1, width)), *(body.weight(width, scale=0.4) for _ in "ab"))
    other = body.line(f"MatMul ({source}, {body.weight(width, width)})")
    calls = [
        f"com.microsoft.SkipLayerNormalization <epsilon: float = 0.1> ({source}, {other}, {gamma}, {beta}, {bias})",
        f"com.microsoft.SkipLayerNormalization <epsilon: float = 0.1> ({source}, {other}, {gamma})",
        f"com.microsoft.SkipSimplifiedLayerNormalization <epsilon: float = 0.1> ({source}, {other}, {gamma}, {bias})",
        f"LayerNormalization <axis: int = -1, epsilon: float = 0.1> ({other}, {gamma}, {beta})",
        f"SimplifiedLayerNormalization <axis: int = -1, epsilon: float = 0.1> ({other}, {gamma})",
    ]
    pick = int(rng.integers(7 if body.curves else 6))
    if pick >= 5:
        return _fused_matmul(body, source) if pick == 5 else _curve(body, source)
    return body.line(f"Relu ({body.line(calls[pick])})")


def _saved(rng: np.random.Generator, *, curves: bool) -> Case:
    """A network of standard ops after onnxruntime's optimisation."""
    body = Body(rng, int(rng.integers(4, 7)), curves=curves)
    image = rng.random() < 0.4
    tensor = "x"
    for _ in range(int(rng.integers(1, 4))):
        tensor = _plain_conv(body, tensor) if image else _plain_layer(body, tensor)
    tensor = body.line(f"Relu ({tensor})")
    body.lines.append(f"y = Identity ({tensor})")
    size = (body.width, 4, 4) if image else (3, body.width)
    shape = ", ".join(map(str, ("N", *size)))
    model = body.model(f"float[{shape}] x", f"float[{shape}] y", int(rng.choice([13, 15, 17])))
    level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    if rng.random() < 0.25:
        level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return _case(rng, _optimised(model, level), size)


def _plain_conv(body: Body, source: str) -> str:
    width = body.width
    made = body.line(f"Conv <pads = [1, 1, 1, 1]> ({source}, {body.weight(width, width, 3, 3)}, {body.weight(width)})")
    if body.rng.random() < 0.3:
        made = body.line(f"Add ({made}, {source})")
    return body.line(f"{body.activation()} ({made})")


def _plain_layer(body: Body, source: str) -> str:
    rng, width = body.rng, body.width
    made = body.line(f"MatMul ({source}, {body.weight(width, width)})")
    made = body.line(f"Add ({made}, {body.weight(width, scale=0.4)})") if rng.random() < 0.7 else made
    match int(rng.integers(6 if body.curves else 4)):
        case 4:
            return body.spelled(_GELU, made, r=np.sqrt(2), one=1, half=0.5)
        case 5:
            constants = {"three": 3, "k": 0.044715, "s": np.sqrt(2 / np.pi), "one": 1, "half": 0.5}
            return body.spelled(_TANH_GELU, made, **constants)
        case 0:
            total = body.line(f"Add ({made}, {source})")
            gamma, beta = np.ones(width) + 0.2 * rng.normal(0, 1, width), 0.3 * rng.normal(0, 1, width)
            return body.spelled(_NORM, total, two=2, eps=0.1, gamma=gamma, beta=beta)
        case 1:
            return body.spelled(_RMS, made, two=2, eps=0.1, gamma=1 + 0.2 * rng.normal(0, 1, width))
        case 2:
            turned = body.line(f"Transpose <perm = [0, 2, 1]> ({made})")
            shares = body.line(f"Softmax <axis = -1> ({body.line(f'MatMul ({turned}, {made})')})")
            return body.line(f"Relu ({body.line(f'MatMul ({made}, {shares})')})")
        case _:
            return body.line(f"Relu ({made})")


def _optimised(model: onnx.ModelProto, level: ort.GraphOptimizationLevel) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(Path(folder) / "saved.onnx")
        ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def _case(rng: np.random.Generator, model: onnx.ModelProto, size: tuple[int, ...]) -> Case:
    feeds = {"x": rng.normal(0.1, 1, (_SAMPLES, *size)).astype(np.float32)}
    return Case(model, feeds, text_of(model))
