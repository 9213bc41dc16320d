# SPDX-License-Identifier: Apache-2.0
"""Conversion of a graph from and to ONNX."""

from __future__ import annotations

import onnx
import onnx.printer
import onnx_graphsurgeon as gs
from onnx import helper

from snncc.ir.graph.constants import held, is_huge
from snncc.ir.graph.folding import GraphFolding
from snncc.ir.graph.inference import inferred
from snncc.ops import DOMAIN
from snncc.ops import OPSET as DOMAIN_VERSION
from snncc.storage.mapped import mapped_in

__all__ = ["Graph"]


class Graph(GraphFolding):
    """A network between frontend and export. Nodes and tensors are graphsurgeon's own objects."""

    @classmethod
    def from_proto(cls, model: onnx.ModelProto) -> Graph:
        """Wrap `model`, whose weights are already loaded; the proto is not changed."""
        template = onnx.ModelProto()
        template.CopyFrom(model)
        template.ClearField("graph")
        graph = gs.import_onnx(model)
        for tensor in graph.tensors().values():
            if isinstance(tensor, gs.Constant):
                tensor.values = held(tensor)  # a lazy constant of graphsurgeon's would keep the proto alive
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

    def infer_shapes(self) -> None:
        """Update the recorded shape and type of every tensor."""
        model, tensors = inferred(self._outline()), self._graph.tensors()
        for info in (*model.graph.value_info, *model.graph.output):
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
        if not any(map(is_huge, constants)):
            return self.to_proto()
        sketch = self.copy()
        for tensor in sketch._graph.tensors().values():
            if isinstance(tensor, gs.Constant) and is_huge(tensor):
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

    def _name_nodes(self) -> None:
        """Give every unnamed node a name, so that messages can point at it."""
        for node in self._graph.nodes:
            if not node.name:
                node.name = self.fresh(node.outputs[0].name if node.outputs else node.op)


def _holds_ours(graph: onnx.GraphProto) -> bool:
    """Whether a node of `graph`, or of a graph inside it, is an op of ours."""
    inner = (a.g for n in graph.node for a in n.attribute if a.HasField("g"))
    return any(n.domain == DOMAIN for n in graph.node) or any(map(_holds_ours, inner))
