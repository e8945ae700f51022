"""What every kind of block has: shapes, costs, an operator key and its own ONNX emission.

A block is a few convolutions (batch norm folded) and what joins them. Costs follow from the list of convolutions,
so a new kind of block states that list, its `emit` and its peak memory, and nothing else. Sizes are square.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from latency_tables import OperatorKey, Shape

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Convolution:
    """One convolution of a block with "same" padding (`kernel // 2`), its folded batch norm and its activation.

    Attributes:
        name: unique within the block.
        shared_name: the shared tensor that holds this weight; smaller convolutions are its leading channels and
            its central kernel positions (once-for-all, Cai et al. 2020, section 3.3).
        in_size: height and width of the input in pixels.
        normalised: trained with batch norm; otherwise with a bias.
    """

    name: str
    shared_name: str
    in_channels: int
    out_channels: int
    in_size: int
    kernel: int = 1
    stride: int = 1
    groups: int = 1
    relu: bool = True
    normalised: bool = True

    @property
    def out_size(self) -> int:
        return -(-self.in_size // self.stride)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        return (self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel)

    @property
    def macs(self) -> int:
        out, per_group, kernel, _ = self.weight_shape
        return out * per_group * kernel * kernel * self.out_size**2

    @property
    def params(self) -> int:
        out, per_group, kernel, _ = self.weight_shape
        return out * per_group * kernel * kernel + out


class Graph(Protocol):
    """The part of an ONNX graph that blocks write to (`search.supernet.onnx_graph`).

    Values are named by text; the graph itself knows where the weights of the convolution `name` come from.
    """

    def convolution(self, x: str, spec: Convolution, *, name: str) -> str: ...

    def linear(self, x: str, spec: Convolution, *, name: str) -> str: ...

    def global_average_pool(self, x: str, *, name: str) -> str: ...

    def channel_shuffle(self, x: str, shape: Shape, groups: int, *, name: str) -> str: ...

    def add(self, x: str, y: str, *, name: str) -> str: ...


@dataclass(frozen=True)
class Block(ABC):
    """One layer choice made concrete: everything about it follows from its fields."""

    label: str
    """The choice's name in the space file, for example `k3_e6`."""
    in_shape: Shape

    @property
    @abstractmethod
    def out_shape(self) -> Shape: ...

    @property
    @abstractmethod
    def convolutions(self) -> tuple[Convolution, ...]:
        """In the order of computation; a linear layer counts as a 1x1 convolution of one pixel."""

    @property
    @abstractmethod
    def operator_key(self) -> OperatorKey | None:
        """What a latency table is asked for; None when nothing is computed."""

    @property
    @abstractmethod
    def peak_activation_bytes(self) -> int:
        """Most bytes of float32 activations alive at once within the block, for one image.

        Counted per operation: its inputs, its output, and what a later operation of the block still needs.
        Activation functions work in place.
        """

    @abstractmethod
    def emit(self, graph: Graph, x: str, *, name: str) -> str:
        """Write the block's nodes behind value `x`; return the name of the output value.

        `name` is the block's position; its convolutions are named `<position>/<convolution>`.
        """

    @property
    def macs(self) -> int:
        return sum(convolution.macs for convolution in self.convolutions)

    @property
    def params(self) -> int:
        return sum(convolution.params for convolution in self.convolutions)


def activation_bytes(*shapes: Shape) -> int:
    """Bytes of float32 tensors of these shapes together."""
    return FLOAT_BYTES * sum(channels * height * width for channels, height, width in shapes)
