"""Macs and params of architectures against a count over their ONNX graphs, with the shapes that onnx itself infers."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

from search.space.architecture import Architecture
from search.space.base import random_genomes
from search.space.blocks.base import Convolution
from search.space.chain import ChainSpace
from search.supernet.onnx_graph import OnnxGraph


class ZeroWeights:
    """Weights of the right shapes."""

    def write(self, graph: OnnxGraph, name: str, spec: Convolution) -> tuple[str, str]:
        weight = graph.constant(f"{name}/weight", np.zeros(spec.weight_shape, dtype=np.float32))
        return weight, graph.constant(f"{name}/bias", np.zeros(spec.out_channels, dtype=np.float32))


def onnx_model(architecture: Architecture) -> onnx.ModelProto:
    graph = OnnxGraph(ZeroWeights())
    value = "image"
    for position, block in zip(architecture.positions, architecture.blocks, strict=True):
        value = block.emit(graph, value, name=position)
    classes = architecture.blocks[-1].out_shape[:1]
    model = onnx.load_from_string(graph.model(architecture.blocks[0].in_shape, value, classes, {}))
    return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


def value_shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    values = (*model.graph.value_info, *model.graph.output, *model.graph.input)
    return {value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in values}


def counted(model: onnx.ModelProto) -> tuple[int, int]:
    """Macs and params: every output of a Conv or Gemm takes one window of its weight."""
    stored = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer if tensor.data_type == 1}
    shapes = value_shapes(model)
    macs = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            macs += math.prod(shapes[node.output[0]][1:]) * math.prod(stored[node.input[1]][1:])
        elif node.op_type == "Gemm":
            macs += math.prod(shapes[node.input[1]])
    return macs, sum(map(math.prod, stored.values()))


@pytest.mark.parametrize("genome", [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2), (0, 1, 2, 0), (2, 0, 1, 2)])
def test_tiny_networks_cost_what_onnx_counts(tiny: ChainSpace, genome: tuple[int, ...]) -> None:
    architecture = tiny.architecture(genome)
    assert counted(onnx_model(architecture)) == (architecture.macs, architecture.params)


def test_large_networks_cost_what_onnx_counts(fbnet: ChainSpace) -> None:
    for genome in random_genomes(fbnet, 8, np.random.default_rng(4)):
        architecture = fbnet.architecture(genome)
        assert counted(onnx_model(architecture)) == (architecture.macs, architecture.params)


def test_the_file_is_as_large_as_its_parameters_and_a_little_graph(fbnet: ChainSpace) -> None:
    for genome in random_genomes(fbnet, 4, np.random.default_rng(9)):
        architecture = fbnet.architecture(genome)
        graph_bytes = onnx_model(architecture).ByteSize() - architecture.size_bytes
        assert 0 < graph_bytes < 40_000
