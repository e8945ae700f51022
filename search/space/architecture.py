"""Architecture: a genome made concrete as a tuple of blocks.

Made by a space (`chain.py`), read by objectives, by `supernet.subnet` and by the ONNX export.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from latency_tables import OperatorKey
from search.space.blocks.base import Block


@dataclass(frozen=True)
class Architecture:
    """One network of a space.

    Attributes:
        space: name of the space.
        genome: one integer per gene.
        positions: one name per block, unique in the network; shared weights are found under it.
        blocks: stem, layers and head in the order of computation; `blocks[i].out_shape == blocks[i+1].in_shape`.
    """

    space: str
    genome: tuple[int, ...]
    positions: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def architecture_id(self) -> str:
        """A short, stable name: the first 16 hex digits of the sha256 of space and genome."""
        text = f"{self.space}:{','.join(map(str, self.genome))}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return sum(block.macs for block in self.blocks)

    @property
    def params(self) -> int:
        """Weights and biases as deployed, batch norm folded."""
        return sum(block.params for block in self.blocks)

    @property
    def size_bytes(self) -> int:
        """Bytes of the parameters in float32; the ONNX file adds a few kB of graph."""
        return 4 * self.params

    @property
    def peak_activation_bytes(self) -> int:
        """Most bytes of float32 activations alive at once, for one image (see `Block.peak_activation_bytes`)."""
        return max(block.peak_activation_bytes for block in self.blocks)

    @property
    def operator_keys(self) -> tuple[OperatorKey, ...]:
        """Keys of the blocks that compute something, in order; an identity has none."""
        return tuple(block.operator_key for block in self.blocks if block.operator_key is not None)
