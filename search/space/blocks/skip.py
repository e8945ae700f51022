"""Skip: no layer where the shape is unchanged; a strided 1x1 convolution with ReLU where it changes (FBNet)."""

from __future__ import annotations

from dataclasses import dataclass

from latency_tables import OperatorKey, Shape
from search.space.blocks.base import Block, Convolution, Graph, activation_bytes


@dataclass(frozen=True)
class Skip(Block):
    """Identity, or the cheapest change of shape."""

    out_channels: int
    stride: int

    @property
    def is_identity(self) -> bool:
        return self.in_shape == self.out_shape

    @property
    def out_shape(self) -> Shape:
        size = -(-self.in_shape[1] // self.stride)
        return (self.out_channels, size, size)

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        if self.is_identity:
            return ()
        channels, size, _ = self.in_shape
        return (Convolution("reshape", "skip.reshape", channels, self.out_channels, size, stride=self.stride),)

    @property
    def operator_key(self) -> OperatorKey | None:
        if self.is_identity:
            return None
        return OperatorKey("skip", self.in_shape, self.out_shape, (("stride", self.stride),))

    @property
    def peak_activation_bytes(self) -> int:
        return activation_bytes(self.in_shape) if self.is_identity else activation_bytes(self.in_shape, self.out_shape)

    def emit(self, graph: Graph, x: str, *, name: str) -> str:
        if self.is_identity:
            return x
        return graph.convolution(x, self.convolutions[0], name=f"{name}/reshape")
