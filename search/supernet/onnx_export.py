"""A sub-network as a deployable ONNX file: batch norm folded, trained weights inside, dynamic batch.

Used by the service for `model.onnx`, and by `evaluate.py`. Same architecture and artefact, same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from search.space.architecture import Architecture
from search.space.blocks.base import Convolution
from search.supernet.artefact import SupernetArtefact
from search.supernet.onnx_graph import OnnxGraph
from search.supernet.subnet import FoldedConvolution, cut_subnet


class TrainedWeights:
    """Weights of one sub-network, by `<position>/<convolution>`."""

    def __init__(self, convolutions: Mapping[str, FoldedConvolution]) -> None:
        self._convolutions = convolutions

    def write(self, graph: OnnxGraph, name: str, spec: Convolution) -> tuple[str, str]:
        """Store weight and bias in the graph."""
        folded = self._convolutions[name]
        if folded.weight.shape != spec.weight_shape:
            raise ValueError(f"{name}: weight has shape {folded.weight.shape}, the block needs {spec.weight_shape}")
        return graph.constant(f"{name}/weight", folded.weight), graph.constant(f"{name}/bias", folded.bias)


def export_onnx(
    artefact: SupernetArtefact, architecture: Architecture, metadata: Mapping[str, str] | None = None
) -> bytes:
    """One architecture with its weights as an ONNX file.

    Input `image`: float32 `(batch, channels, size, size)`, pixel values in [0, 1]. Output `logits`: float32
    `(batch, classes)`. Metadata properties: architecture id, genome, space, supernet sha256, class names, and what
    is passed in `metadata` (the caller's expected error, for example).
    """
    graph = OnnxGraph(TrainedWeights(cut_subnet(artefact.weights, architecture)))
    x = "image"
    for position, block in zip(architecture.positions, architecture.blocks, strict=True):
        x = block.emit(graph, x, name=position)
    properties = {
        "architecture_id": architecture.architecture_id,
        "genome": ",".join(map(str, architecture.genome)),
        "space": architecture.space,
        "supernet_sha256": artefact.sha256,
        "classes": ",".join(artefact.classes),
        "input": "float32 NCHW, RGB pixel values divided by 255",
        **dict(metadata or {}),
    }
    return graph.model(architecture.blocks[0].in_shape, x, [architecture.blocks[-1].out_shape[0]], properties)
