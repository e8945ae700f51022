"""Writing ONNX graphs: what blocks emit into, and where the weights of a graph come from.

Two sources of weights: trained ones (`onnx_export.py`), and placeholders for timing (`search.plan`), which
keep a measurement plan small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from latency_tables import Shape
from search.space.blocks.base import Convolution

OPSET = 17
"""Old enough for runtimes on phones and boards of recent years, new enough for every operator used here."""
IR_VERSION = 8
_PRODUCER = "lutnas"


class Weights(Protocol):
    """Where the weights of a graph come from."""

    def write(self, graph: OnnxGraph, name: str, spec: Convolution) -> tuple[str, str]:
        """Add the weight `spec.weight_shape` and the bias of convolution `name`; return the names of both values."""


class OnnxGraph:
    """An ONNX model under construction. Names and order follow from the calls alone, so bytes are repeatable."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._names: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether a constant or a node of this name was added."""
        return name in self._names

    def constant(self, name: str, array: npt.NDArray[np.generic]) -> str:
        """Store an array in the model; return its name."""
        self._names.add(name)
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(
        self, operator: str, inputs: Sequence[str], name: str, attributes: Mapping[str, object] | None = None
    ) -> str:
        """Add one node with one output, which has the node's name; return it."""
        self._names.add(name)
        node = helper.make_node(operator, list(inputs), [name], name=name)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted((attributes or {}).items()))
        self._nodes.append(node)
        return name

    def convolution(self, x: str, spec: Convolution, *, name: str) -> str:
        """Convolution with "same" padding, bias and, where the spec says so, ReLU."""
        weight, bias = self._weights.write(self, name, spec)
        attributes = {
            "kernel_shape": [spec.kernel] * 2,
            "strides": [spec.stride] * 2,
            "pads": [spec.kernel // 2] * 4,
            "group": spec.groups,
        }
        y = self.node("Conv", [x, weight, bias], f"{name}/conv" if spec.relu else name, attributes)
        return self.node("Relu", [y], name) if spec.relu else y

    def linear(self, x: str, spec: Convolution, *, name: str) -> str:
        """Fully connected layer on `(batch, channels, 1, 1)`."""
        weight, bias = self._weights.write(self, name, spec)
        flat = self.node("Flatten", [x], f"{name}/flatten", {"axis": 1})
        shape = self.constant(f"{name}/matrix_shape", np.array(spec.weight_shape[:2], dtype=np.int64))
        matrix = self.node("Reshape", [weight, shape], f"{name}/matrix")
        return self.node("Gemm", [flat, matrix, bias], name, {"transB": 1})

    def global_average_pool(self, x: str, *, name: str) -> str:
        """Mean over height and width."""
        return self.node("GlobalAveragePool", [x], name)

    def channel_shuffle(self, x: str, shape: Shape, groups: int, *, name: str) -> str:
        """Channel c of group g moves to place c * groups + g (ShuffleNet, Zhang et al. 2018)."""
        channels, height, width = shape
        # A 0 in a Reshape copies the input's dimension: the batch stays dynamic.
        split = self.constant(f"{name}/split_shape", np.array([0, groups, channels // groups, height, width]))
        joined = self.constant(f"{name}/joined_shape", np.array([0, channels, height, width]))
        y = self.node("Reshape", [x, split], f"{name}/split")
        y = self.node("Transpose", [y], f"{name}/transpose", {"perm": [0, 2, 1, 3, 4]})
        return self.node("Reshape", [y, joined], name)

    def add(self, x: str, y: str, *, name: str) -> str:
        """Elementwise sum."""
        return self.node("Add", [x, y], name)

    def model(self, shape_in: Shape, out: str, shape_out: Sequence[int], metadata: Mapping[str, str]) -> bytes:
        """The finished model: input `image` `(batch, *shape_in)`, output `out` renamed to `logits`, checked.

        `shape_out` is without the batch. The model is checked with `onnx.checker`, shapes included.
        """
        self.node("Identity", [out], "logits")
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *shape_in])
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", *shape_out])
        graph = helper.make_graph(self._nodes, _PRODUCER, [image], [logits], self._initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name=_PRODUCER)
        model.ir_version = IR_VERSION
        helper.set_model_props(model, dict(sorted(metadata.items())))
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))
