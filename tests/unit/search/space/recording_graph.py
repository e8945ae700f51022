"""A graph that writes nothing down but what costs: an oracle for macs, params and memory.

It reads channels, kernel, stride and groups of a convolution and none of its costs: sizes follow from the window
formula, macs from the window of one output, and memory from the lifetimes of the values: a value lives from the node
that makes it to the last node that reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from latency_tables import Shape
from search.space.architecture import Architecture
from search.space.blocks.base import Convolution


@dataclass
class RecordingGraph:
    """Nodes as (inputs, output), value shapes by name, and what the convolutions cost."""

    shapes: dict[str, Shape]
    nodes: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    macs: int = 0
    params: int = 0

    def convolution(self, x: str, spec: Convolution, *, name: str) -> str:
        channels, size, _ = self.shapes[x]
        assert channels == spec.in_channels
        out_size = (size + 2 * (spec.kernel // 2) - spec.kernel) // spec.stride + 1
        self._count(spec, outputs=spec.out_channels * out_size * out_size)
        return self._node((x,), name, (spec.out_channels, out_size, out_size))

    def linear(self, x: str, spec: Convolution, *, name: str) -> str:
        assert self.shapes[x] == (spec.in_channels, 1, 1)
        assert not spec.relu
        self._count(spec, outputs=spec.out_channels)
        return self._node((x,), name, (spec.out_channels, 1, 1))

    def _count(self, spec: Convolution, outputs: int) -> None:
        window = len(range(0, spec.in_channels, spec.groups)) * spec.kernel**2
        self.macs += outputs * window
        self.params += spec.out_channels * (window + 1)

    def global_average_pool(self, x: str, *, name: str) -> str:
        return self._node((x,), name, (self.shapes[x][0], 1, 1))

    def channel_shuffle(self, x: str, shape: Shape, groups: int, *, name: str) -> str:
        assert self.shapes[x] == shape
        assert shape[0] % groups == 0
        return self._node((x,), name, shape)

    def add(self, x: str, y: str, *, name: str) -> str:
        assert self.shapes[x] == self.shapes[y]
        return self._node((x, y), name, self.shapes[x])

    def _node(self, inputs: tuple[str, ...], name: str, shape: Shape) -> str:
        assert name not in self.shapes, f"{name} is written twice"
        self.nodes.append((inputs, name))
        self.shapes[name] = shape
        return name

    def peak_bytes(self) -> int:
        """Most bytes of float32 values alive at one node."""
        last_read = {value: step for step, (inputs, _) in enumerate(self.nodes) for value in inputs}
        made = {output: step for step, (_, output) in enumerate(self.nodes)}
        peak = 0
        for step in range(len(self.nodes)):
            alive = [v for v in self.shapes if made.get(v, -1) <= step <= last_read.get(v, len(self.nodes))]
            peak = max(peak, sum(4 * int(np.prod(self.shapes[value])) for value in alive))
        return peak


def recorded(architecture: Architecture) -> tuple[RecordingGraph, str]:
    """The whole network written to a recording graph, and the name of its last value."""
    graph = RecordingGraph({"image": architecture.blocks[0].in_shape})
    value = "image"
    for position, block in zip(architecture.positions, architecture.blocks, strict=True):
        value = block.emit(graph, value, name=position)
    return graph, value
