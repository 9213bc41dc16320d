# SPDX-License-Identifier: Apache-2.0
"""The graph that passes edit: a facade for onnx-graphsurgeon, which no other module imports.

It adds to graphsurgeon: persistent model metadata, edits that preserve graph outputs, unique names, and queries of
shapes. Constants are never edited in place: graphsurgeon shares one object between all their users.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnx.printer
import onnx_graphsurgeon as gs
import onnxruntime as ort
from onnx import helper
from onnx_graphsurgeon.ir.tensor import LazyValues

from snncc.ir.ordering import by_level
from snncc.ir.provenance import SOURCE, Provenance, Role
from snncc.ir.scopes import names_of
from snncc.ops import DOMAIN
from snncc.ops import OPSET as DOMAIN_VERSION
from snncc.ops.arrays import Array
from snncc.storage.mapped import Stored, is_mapped, mapped_in, put_aside, refer, stored_of

__all__ = ["Graph", "Node", "Shape", "Tensor"]

Node: TypeAlias = gs.Node
Tensor: TypeAlias = gs.Tensor
Shape = tuple[int | str | None, ...]

_HUGE = 2**20  # bytes; constants that are not even written down to infer shapes
_LARGE = 4096  # bytes; constants that determine shapes are far smaller

_NOT_FOLDED = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})
_LIKE_INPUT = frozenset({"GroupNormalization"})  # whose type and shape onnx does not infer: those of the input
_NO_TYPE = "expected to have type but instead is null"  # part of onnx's message on a result of unknown type

gs.logger.G_LOGGER.severity = gs.logger.G_LOGGER.ERROR  # its warnings go to stdout, which is for data


class Graph:
    """A network between frontend and export. Nodes and tensors are graphsurgeon's own objects."""

    def __init__(self, graph: gs.Graph, template: onnx.ModelProto) -> None:
        self._graph = graph
        self._template = template
        self._names = {t.name for t in graph.tensors().values()} | {n.name for n in graph.nodes}
        self._names |= {name for n in graph.nodes for inner in _inner(n) for name in _names_within(inner)}
        self._with_graphs = [n for n in graph.nodes if any(isinstance(inner, gs.Graph) for inner in _inner(n))]
        self._provenance: dict[str, Provenance] = {}  # by node
        self._rewritten: Provenance | None = None  # of the node in whose place nodes are added
        self._numbers: dict[str, int] = {}  # by prefix, the number below which all names are given
        self._erased: set[int] = set()  # nodes that are still in the list
        self._ends: set[int] | None = None  # the outputs, by id
        self._added: list[Node] = []

    @classmethod
    def from_proto(cls, model: onnx.ModelProto) -> Graph:
        """Wrap `model`, whose weights are already loaded; the proto is not changed."""
        template = onnx.ModelProto()
        template.CopyFrom(model)
        template.ClearField("graph")
        graph = gs.import_onnx(model)
        for tensor in graph.tensors().values():
            if isinstance(tensor, gs.Constant):
                tensor.values = _held(tensor)  # a lazy constant of graphsurgeon's would keep the proto alive
        wrapped = cls(graph, template)
        wrapped._name_nodes()
        return wrapped

    def to_proto(self) -> onnx.ModelProto:
        """The model as a proto, nodes in topological order, metadata as it came."""
        self.cleanup()
        result: onnx.ModelProto = gs.export_onnx(self._graph, do_type_check=False)
        for field, _ in result.ListFields():
            if field.name != "graph":  # which the template has not
                result.ClearField(field.name)
        result.MergeFrom(self._template)
        stated = {o.domain for o in result.opset_import}
        if DOMAIN not in stated and _holds_ours(result.graph):
            result.opset_import.append(helper.make_opsetid(DOMAIN, DOMAIN_VERSION))
        return result

    def copy(self) -> Graph:
        """An independent graph that shares the values of constants, which are never edited in place."""
        template = onnx.ModelProto()
        template.CopyFrom(self._template)
        self._drop_erased()
        made = Graph(self._graph.copy(), template)
        made._provenance = {n.name: self._provenance[n.name] for n in made._graph.nodes if n.name in self._provenance}
        return made

    # -- looking ------------------------------------------------------------------------------------------------

    @property
    def inputs(self) -> list[Tensor]:
        """The graph's inputs, in order."""
        return list(self._graph.inputs)

    @property
    def outputs(self) -> list[Tensor]:
        """The graph's outputs, in order."""
        return list(self._graph.outputs)

    @property
    def opset(self) -> int:
        """The ONNX opset of the standard ops."""
        return int(self._graph.opset)

    def nodes(self, *ops: str) -> list[Node]:
        """A snapshot of the nodes in topological order, of the given op types or of all."""
        self._sort()
        return [n for n in self._graph.nodes if not ops or n.op in ops]

    @staticmethod
    def value(tensor: Tensor) -> Array | None:
        """The value of a constant, None for a tensor that is computed."""
        if not isinstance(tensor, gs.Constant):
            return None
        if _in_file(tensor):  # whose `values` would stay in memory
            return np.asarray(tensor._values.load())
        return np.asarray(tensor.values)

    @staticmethod
    def producer(tensor: Tensor) -> Node | None:
        """The node that computes `tensor`; None for inputs and constants."""
        return tensor.inputs[0] if tensor.inputs else None

    def users(self, tensor: Tensor) -> list[Node]:
        """The nodes that read `tensor`, one entry per use; for a use in a subgraph, the node that contains it."""
        owners = self._owners()
        return [owners.get(id(user), user) for user in tensor.outputs]

    @staticmethod
    def reads(node: Node) -> list[Tensor]:
        """The tensors that `node` reads: its inputs, without omitted ones, and outer tensors that its
        subgraphs read.
        """
        found = [t for t in node.inputs if t.name]
        for inner in _inner(node):
            if isinstance(inner, gs.Graph):
                found += [t for t in inner._foreign_tensors().values() if t.name]
        return found

    def provenance(self, node: Node) -> Provenance:
        """The provenance of `node`; a node that no pass added is its own origin."""
        return self._provenance.get(node.name) or Provenance(node.name, node.name, node.op)

    def has_role(self, node: Node | None, role: Role) -> bool:
        """Whether a pass added `node` for this role."""
        return node is not None and self.provenance(node).role == role

    def is_output(self, tensor: Tensor) -> bool:
        """Whether `tensor` is a graph output."""
        if self._ends is None:
            self._ends = set(map(id, self._graph.outputs))
        return id(tensor) in self._ends

    def sole_user(self, tensor: Tensor) -> Node | None:
        """The one node that reads `tensor`, None if there are others or it is a graph output."""
        users = self.users(tensor)
        return users[0] if len(users) == 1 and not self.is_output(tensor) else None

    def shape(self, tensor: Tensor) -> Shape | None:
        """The shape as inferred: an int, a symbol or None for each axis; None if the rank is unknown."""
        return None if tensor.shape is None else tuple(tensor.shape)

    def sizes(self, tensor: Tensor) -> list[int]:
        """The lengths of all axes except the batch, which must be known."""
        return [d for d in (self.shape(tensor) or ())[1:] if isinstance(d, int)]

    def element_type(self) -> np.dtype[Any]:
        """The element type of the network's activations: that of its first input, or of tensors computed from its
        inputs.
        """
        read = [t for t in self._graph.inputs if not all(n.op == "Cast" for n in t.outputs)]
        results = (t for n in self._graph.nodes for t in n.outputs)
        kinds = (np.dtype(t.dtype) for t in chain(read, results, self._graph.inputs) if t.dtype is not None)
        return next(kind for kind in kinds if kind.kind == "f")

    # -- editing ------------------------------------------------------------------------------------------------

    def fresh(self, prefix: str) -> str:
        """An unused name."""
        number = self._numbers.get(prefix, 0)
        while (name := f"{prefix}_{number}" if number else prefix) in self._names:
            number += 1
        self._numbers[prefix] = number
        self._names.add(name)
        return name

    def fresh_prefix(self, prefix: str) -> str:
        """An unused name that, followed by a slash, is not the prefix of any other name."""
        name = self.fresh(prefix)
        while any(known.startswith(f"{name}/") for known in self._names):
            name = self.fresh(prefix)
        return name

    def _free(self, name: str) -> None:
        """Let `fresh` give `name` again."""
        self._names.discard(name)
        prefix, _, number = name.rpartition("_")
        if number.isdecimal():
            self._numbers[prefix] = min(self._numbers.get(prefix, 0), int(number))
        self._numbers.pop(name, None)

    def constant(self, prefix: str, value: npt.ArrayLike) -> Tensor:
        """A new constant; a large one goes to a file."""
        return gs.Constant(self.fresh(prefix), _put_aside(np.asarray(value, order="C")))

    def add(
        self,
        op: str,
        inputs: Sequence[Tensor],
        *,
        name: str,
        attrs: dict[str, Any] | None = None,
        domain: str | None = None,
        unused_outputs: int = 0,
        role: Role | None = None,
        provenance: Provenance | None = None,
    ) -> Tensor:
        """Add a node and return its first output, which has the type and shape of input 0.

        `unused_outputs` more are written as '': a node of an op with a function body must name all of its outputs.
        Its provenance is that of the node being rewritten, unless `provenance` is given.
        """
        name, like = self.fresh(name), inputs[0]
        outputs = [gs.Variable(self.fresh(f"{name}_out"), dtype=like.dtype, shape=like.shape)]
        outputs += [gs.Variable.empty() for _ in range(unused_outputs)]
        node = gs.Node(op, name, dict(attrs or {}), list(inputs), outputs, domain=domain)
        self._graph.nodes.append(node)
        self._added.append(node)
        made = provenance or self._rewritten
        if made is not None or role is not None:
            made = made or Provenance(name, name, op)
            self._provenance[name] = replace(made, role=role or made.role)
        return outputs[0]

    @contextmanager
    def rewriting(self, node: Node) -> Iterator[None]:
        """Context in which added nodes have the provenance of `node`, without a role."""
        before, self._rewritten = self._rewritten, self.descent(node)
        try:
            yield
        finally:
            self._rewritten = before

    def set_role(self, tensor: Tensor, role: Role, provenance: Provenance | None = None) -> None:
        """Record the role of the node that computes `tensor`, and its origin if not recorded yet."""
        node = self.producer(tensor)
        assert node is not None
        self._provenance[node.name] = replace(provenance or self.provenance(node), role=role)

    def descent(self, node: Node) -> Provenance:
        """The provenance of replacements of `node`."""
        return replace(self.provenance(node), made_for=node.name, role=None)

    def of_tensor(self, tensor: Tensor) -> Provenance:
        """The provenance of nodes added after `tensor`: made for that input, or for the node that computes it."""
        node = self.producer(tensor)
        return Provenance(tensor.name, tensor.name, SOURCE) if node is None else self.descent(node)

    def take_added(self, *ops: str) -> list[Node]:
        """The nodes of these op types added since the last call, except erased ones."""
        added, self._added = self._added, []
        return [n for n in added if n.op in ops and n.outputs]

    def add_input(self, name: str, dtype: np.dtype[Any], shape: Shape | None) -> Tensor:
        """A new input of the graph; `name` should be fresh."""
        tensor = gs.Variable(name, dtype=dtype, shape=None if shape is None else list(shape))
        self._graph.inputs.append(tensor)
        return tensor

    def add_output(self, tensor: Tensor, name: str) -> None:
        """Make `tensor`, which is not a graph output yet, an output called `name`."""
        tensor.name = name
        self._graph.outputs.append(tensor)
        self._ends = None

    @staticmethod
    def use_output(node: Node, index: int, dtype: np.dtype[Any], shape: Shape | None) -> Tensor:
        """The so far unused output of `node`, as a tensor that can be named."""
        tensor = gs.Variable("", dtype=dtype, shape=None if shape is None else list(shape))
        node.outputs[index] = tensor
        return tensor

    def replace_uses(self, old: Tensor, new: Tensor, *, keep: Sequence[Node] = (), outputs: bool = True) -> None:
        """Replace `old` by `new` in all users except the nodes in `keep`; with `outputs` also as a graph output.

        A graph output keeps its name.
        """
        owners, kept = self._owners(), {id(k) for k in keep}
        for node in {id(n): n for n in old.outputs}.values():
            if id(owners.get(id(node), node)) not in kept:
                node.inputs = [new if t is old else t for t in node.inputs]
        if outputs and self.is_output(old):
            self._move_output(old, new)

    def erase(self, node: Node) -> None:
        """Remove `node`; its outputs must have no users left."""
        self._detach(node)
        self._free(node.name)

    def prune(self, tensors: Iterable[Tensor]) -> None:
        """Remove the nodes that compute `tensors` and have no users left, and nodes that only these read."""
        pending = list(tensors)
        while pending:
            node = self.producer(pending.pop())
            if node is not None and not any(out.outputs or self.is_output(out) for out in node.outputs):
                pending += node.inputs
                self._detach(node)

    def _detach(self, node: Node) -> None:
        node.inputs.clear()
        node.outputs.clear()
        self._erased.add(id(node))  # all are removed at once, since each search takes linear time
        self._provenance.pop(node.name, None)

    def bypass(self, node: Node, source: Tensor) -> None:
        """Connect the users of `node` to `source` instead, and erase it."""
        self.replace_uses(node.outputs[0], source)
        self.erase(node)

    def _move_output(self, old: Tensor, new: Tensor) -> None:
        """Make `new` the graph output that `old` was, under the same name."""
        if new.inputs and not self.is_output(new):
            index = next(i for i, out in enumerate(self._graph.outputs) if out is old)
            name, old.name = old.name, self.fresh(f"{old.name}_before")
            new.name, new.shape, new.dtype = name, old.shape, old.dtype
            self._graph.outputs[index] = new
            self._ends = None
        else:  # a graph input, a constant or another output: only a node can give it a second name
            producer = self.producer(old)
            if producer is not None:
                producer.outputs.clear()
            self._graph.nodes.append(gs.Node("Identity", self.fresh(f"{old.name}_identity"), {}, [new], [old]))

    def cleanup(self) -> None:
        """Remove the nodes without users."""
        self._drop_erased()
        self._graph.cleanup()
        self._sort()

    def _drop_erased(self) -> None:
        if self._erased:
            self._graph.nodes = [n for n in self._graph.nodes if id(n) not in self._erased]
            self._erased = set()

    def _sort(self) -> None:
        """Bring the nodes, those of graphs inside them too, into topological order."""
        self._drop_erased()
        captured: dict[int, list[Tensor]] = {}  # outer tensors that subgraphs read
        for node in self._graph.nodes:
            for inner in node.subgraphs():
                inner.toposort(recurse_functions=False, mode="nodes")
                captured.setdefault(id(node), []).extend(inner._foreign_tensors().values())
        here = set(map(id, self._graph.nodes))

        def makers(node: Node) -> list[Node]:
            read = [*node.inputs, *captured.get(id(node), ())]
            return [maker for tensor in read for maker in tensor.inputs if id(maker) in here]

        self._graph.nodes = by_level(self._graph.nodes, makers)

    # -- whole-graph services -----------------------------------------------------------------------------------

    def fold_constants(self) -> None:
        """Evaluate all nodes that depend on constants and static shapes only."""
        self._drop_erased()
        with self._loaded():
            folded = True
            while folded:  # a constant may be the index into a shape
                # graphsurgeon propagates shapes only: its onnxruntime sessions would use the log level of the process.
                self._graph.fold_constants(size_threshold=None, should_exclude_node=lambda _: True)
                folded = self._evaluate_constants()
        self.cleanup()

    def _evaluate_constants(self) -> bool:
        """Replace nodes that read constants only by their results; returns whether there were any."""
        part = self._graph.copy()
        known = {id(t) for t in part.tensors().values() if isinstance(t, gs.Constant)}
        inside, made = set(), []
        for node in part.nodes:
            if node.op not in _NOT_FOLDED and all(id(t) in known for t in self.reads(node)):
                inside.add(id(node))
                made += [t for t in node.outputs if t.name]
                known.update(map(id, node.outputs))
        put_out = set(map(id, part.outputs))
        part.outputs = [t for t in made if id(t) in put_out or not all(id(reader) in inside for reader in t.outputs)]
        if not part.outputs:
            return False
        part.cleanup(remove_unused_graph_inputs=True, recurse_functions=False)
        options = ort.SessionOptions()
        options.log_severity_level = 4  # fatal errors
        names = [t.name for t in part.outputs]
        try:
            model = gs.export_onnx(part, do_type_check=False).SerializeToString()
            values = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run(names, {})
        except Exception:  # of onnxruntime, or of protobuf above 2 GB: the nodes stay
            return False
        tensors = self._graph.tensors()
        for name, value in zip(names, values, strict=True):
            tensors[name].to_constant(value).inputs.clear()
        return True

    @contextmanager
    def _loaded(self) -> Iterator[None]:
        """Context in which constants in files are in memory if nodes without computed inputs read them."""
        driven = {id(t) for t in self._graph.inputs}
        before: list[tuple[gs.Constant, _InFile]] = []
        for node in self.nodes():
            if any(id(t) in driven for t in self.reads(node)):
                driven.update(map(id, node.outputs))
            else:
                before += [(t, t._values) for t in node.inputs if isinstance(t, gs.Constant) and _in_file(t)]
        for tensor, held in before:
            tensor.values = held.load()
        yield
        for tensor, held in before:
            tensor.values = held
        for tensor in self._graph.tensors().values():
            if isinstance(tensor, gs.Constant) and not _in_file(tensor):
                tensor.values = _held(tensor)

    def infer_shapes(self) -> None:
        """Update the recorded shape and type of every tensor."""
        model = self._outline()
        del model.graph.value_info[:]
        for weight in model.graph.initializer:
            if len(weight.raw_data) > _LARGE:  # inference needs its shape only, and copies the model several times
                weight.ClearField("raw_data")
        inferred = _inferred(model)
        tensors = self._graph.tensors()
        for info in (*inferred.graph.value_info, *inferred.graph.output):
            tensor, kind = tensors.get(info.name), info.type.tensor_type
            if isinstance(tensor, gs.Variable):
                tensor.dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
                if kind.HasField("shape"):
                    tensor.shape = [
                        d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in kind.shape.dim
                    ]

    def _outline(self) -> onnx.ModelProto:
        """The model as a proto, its large constants as inputs: the values may be more than a proto holds."""
        constants = [t for t in self._graph.tensors().values() if isinstance(t, gs.Constant)]
        if not any(map(_is_huge, constants)):
            return self.to_proto()
        sketch = self.copy()
        for tensor in sketch._graph.tensors().values():
            if isinstance(tensor, gs.Constant) and _is_huge(tensor):
                variable = tensor.to_variable(tensor.dtype, tensor.shape)
                variable.type = "tensor_type"  # which to_variable forgets
                sketch._graph.inputs.append(variable)
        return sketch.to_proto()

    def text(self) -> str:
        """The graph in onnx's text form, without the values of weights in files."""
        model = self.to_proto()
        for weight in mapped_in(model.graph):  # where they are differs from run to run
            del weight.external_data[:]
            weight.external_data.add(key="location", value="a file")
        return onnx.printer.to_text(model)

    def free_name(self, tensor: Tensor) -> None:
        """Free the name of `tensor`, which is about to be removed, for a new object."""
        self._free(tensor.name)

    def _owners(self) -> dict[int, Node]:
        """By id of each node in a graph inside a node of this graph: that node."""
        return {id(n): node for node in self._with_graphs for inner in _inner(node) for n in _nodes_within(inner)}

    def _name_nodes(self) -> None:
        """Give every unnamed node a name, so that messages can point at it."""
        for node in self._graph.nodes:
            if not node.name:
                node.name = self.fresh(node.outputs[0].name if node.outputs else node.op)


class _InFile(LazyValues):  # type: ignore[misc]
    """The values of a constant that stay in a file; graphsurgeon writes `tensor` without reading them."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self.shape, self.dtype, self.nbytes = list(stored.shape), stored.dtype, stored.nbytes

    @property
    def tensor(self) -> onnx.TensorProto:
        """A new proto, to be named by the caller."""
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        proto = onnx.TensorProto(dims=self.shape, data_type=kind)
        refer(proto, self._stored.file, self._stored.offset)
        return proto

    def load(self) -> Array:
        """The values, read-only and memory-mapped: pages are loaded on access, and released with the array."""
        return self._stored.load()


def _held(constant: gs.Constant) -> Array | _InFile:
    """The values of a constant of graphsurgeon's as they are held here."""
    lazy = constant._values
    if isinstance(lazy, LazyValues) and isinstance(lazy.tensor, onnx.TensorProto) and is_mapped(lazy.tensor):
        return _InFile(stored_of(lazy.tensor))
    return _put_aside(np.asarray(constant.values))


def _put_aside(value: Array) -> Array | _InFile:
    stored = put_aside(value)
    return _InFile(stored) if stored else value


def _in_file(constant: gs.Constant) -> bool:
    return isinstance(constant._values, _InFile)


def _is_huge(constant: gs.Constant) -> bool:
    return bool(_in_file(constant) or constant._values.nbytes > _HUGE)


def _inner(node: Node) -> list[gs.Graph | onnx.GraphProto]:
    """The graphs inside `node`: graphsurgeon's, or protos if a pass has added it."""
    return [v for v in node.attrs.values() if isinstance(v, gs.Graph | onnx.GraphProto)]


def _nodes_within(graph: gs.Graph | onnx.GraphProto) -> Iterator[Node]:
    if isinstance(graph, gs.Graph):
        for node in graph.nodes:
            yield node
            for inner in _inner(node):
                yield from _nodes_within(inner)


def _names_within(graph: gs.Graph | onnx.GraphProto) -> Iterator[str]:
    if isinstance(graph, onnx.GraphProto):
        yield from names_of(graph)
        return
    yield from graph.tensors()
    for node in graph.nodes:
        yield node.name
        for inner in _inner(node):
            yield from _names_within(inner)


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, which is changed, with the types and shapes of its tensors, as far as onnx knows its ops."""
    for node in model.graph.node:
        if node.op_type in _LIKE_INPUT and node.domain == "":
            node.op_type = "Identity"
            del node.input[1:], node.attribute[:]
    try:
        return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError as error:
        if _NO_TYPE not in str(error):
            raise
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def _holds_ours(graph: onnx.GraphProto) -> bool:
    """Whether a node of `graph`, or of a graph inside it, is an op of ours."""
    inner = (a.g for n in graph.node for a in n.attribute if a.HasField("g"))
    return any(n.domain == DOMAIN for n in graph.node) or any(map(_holds_ours, inner))
