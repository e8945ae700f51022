"""Inverted residual block: pointwise, depthwise, pointwise, with an identity where the shape is unchanged.

Sandler et al. 2018 (MobileNetV2); with group convolution and channel shuffle as in FBNet (Wu et al. 2019, figure 3;
ShuffleNet, Zhang et al. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

from latency_tables import OperatorKey, Shape
from search.space.blocks.base import Block, Convolution, Graph, activation_bytes


@dataclass(frozen=True)
class InvertedResidual(Block):
    """1x1 convolution to `expansion` times the channels, ReLU, shuffle if `groups` > 1, depthwise, ReLU, 1x1 again."""

    out_channels: int
    stride: int
    kernel: int
    expansion: int
    groups: int = 1

    @property
    def out_shape(self) -> Shape:
        size = self.convolutions[-1].out_size
        return (self.out_channels, size, size)

    @property
    def has_identity(self) -> bool:
        return self.in_shape == self.out_shape

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        channels, size, _ = self.in_shape
        middle = channels * self.expansion
        small = -(-size // self.stride)
        prefix = f"g{self.groups}"
        return (
            Convolution("expand", f"{prefix}.expand", channels, middle, size, groups=self.groups),
            Convolution(
                "depthwise", f"{prefix}.depthwise", middle, middle, size, self.kernel, self.stride, groups=middle
            ),
            Convolution(
                "project", f"{prefix}.project", middle, self.out_channels, small, groups=self.groups, relu=False
            ),
        )

    @property
    def operator_key(self) -> OperatorKey:
        attributes = (
            ("expansion", self.expansion),
            ("groups", self.groups),
            ("kernel", self.kernel),
            ("stride", self.stride),
        )
        return OperatorKey("inverted_residual", self.in_shape, self.out_shape, attributes)

    @property
    def peak_activation_bytes(self) -> int:
        expand, depthwise, _ = self.convolutions
        wide = (expand.out_channels, expand.in_size, expand.in_size)
        narrow = (depthwise.out_channels, depthwise.out_size, depthwise.out_size)
        kept = (self.in_shape,) if self.has_identity else ()
        moments = [
            activation_bytes(self.in_shape, wide),
            activation_bytes(wide, narrow, *kept),
            activation_bytes(narrow, self.out_shape, *kept),
        ]
        if self.groups > 1:
            moments.append(activation_bytes(wide, wide, *kept))
        if self.has_identity:
            moments.append(activation_bytes(self.in_shape, self.out_shape, self.out_shape))
        return max(moments)

    def emit(self, graph: Graph, x: str, *, name: str) -> str:
        expand, depthwise, project = self.convolutions
        y = graph.convolution(x, expand, name=f"{name}/expand")
        if self.groups > 1:
            wide = (expand.out_channels, expand.out_size, expand.out_size)
            y = graph.channel_shuffle(y, wide, self.groups, name=f"{name}/shuffle")
        y = graph.convolution(y, depthwise, name=f"{name}/depthwise")
        y = graph.convolution(y, project, name=f"{name}/project")
        return graph.add(x, y, name=f"{name}/add") if self.has_identity else y
