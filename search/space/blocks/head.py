"""Head: 1x1 convolution with ReLU, global average pool, linear classifier. It has no gene."""

from __future__ import annotations

from dataclasses import dataclass

from latency_tables import OperatorKey, Shape
from search.space.blocks.base import Block, Convolution, Graph, activation_bytes


@dataclass(frozen=True)
class Head(Block):
    """From the last feature map to one logit per class."""

    hidden_channels: int
    classes: int

    @property
    def out_shape(self) -> Shape:
        return (self.classes, 1, 1)

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        channels, size, _ = self.in_shape
        return (
            Convolution("hidden", "hidden", channels, self.hidden_channels, size),
            Convolution(
                "classifier", "classifier", self.hidden_channels, self.classes, 1, relu=False, normalised=False
            ),
        )

    @property
    def operator_key(self) -> OperatorKey:
        return OperatorKey("head", self.in_shape, self.out_shape, (("hidden", self.hidden_channels),))

    @property
    def peak_activation_bytes(self) -> int:
        _, size, _ = self.in_shape
        hidden = (self.hidden_channels, size, size)
        pooled = (self.hidden_channels, 1, 1)
        moments = ((self.in_shape, hidden), (hidden, pooled), (pooled, self.out_shape))
        return max(activation_bytes(*moment) for moment in moments)

    def emit(self, graph: Graph, x: str, *, name: str) -> str:
        hidden, classifier = self.convolutions
        y = graph.convolution(x, hidden, name=f"{name}/hidden")
        y = graph.global_average_pool(y, name=f"{name}/pool")
        return graph.linear(y, classifier, name=f"{name}/classifier")
