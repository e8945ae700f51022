"""Stem: the first convolution of a network, with ReLU. It has no gene."""

from __future__ import annotations

from dataclasses import dataclass

from latency_tables import OperatorKey, Shape
from search.space.blocks.base import Block, Convolution, Graph, activation_bytes


@dataclass(frozen=True)
class Stem(Block):
    """One dense convolution from the image to the first feature map."""

    out_channels: int
    kernel: int
    stride: int

    @property
    def out_shape(self) -> Shape:
        size = self.convolutions[0].out_size
        return (self.out_channels, size, size)

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        channels, size, _ = self.in_shape
        return (Convolution("stem", "stem", channels, self.out_channels, size, self.kernel, self.stride),)

    @property
    def operator_key(self) -> OperatorKey:
        return OperatorKey("stem", self.in_shape, self.out_shape, (("kernel", self.kernel), ("stride", self.stride)))

    @property
    def peak_activation_bytes(self) -> int:
        return activation_bytes(self.in_shape, self.out_shape)

    def emit(self, graph: Graph, x: str, *, name: str) -> str:
        return graph.convolution(x, self.convolutions[0], name=f"{name}/stem")
