"""Cut one architecture out of a supernet's shared weights.

Used by the ONNX export. Names in `shared`: `<position>/<shared name>` for a weight, `.../scale` and `.../shift` below
`<position>/<block label>/<convolution>` for the folded batch norm of that choice, `<position>/<shared name>/bias`
for a layer without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.space.architecture import Architecture
from search.space.blocks.base import Block, Convolution

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FoldedConvolution:
    """Weight `(out, in / groups, k, k)` and bias `(out,)`, batch norm folded in."""

    weight: Floats
    bias: Floats


def weight_name(position: str, spec: Convolution) -> str:
    """Name of the shared weight that holds a convolution."""
    return f"{position}/{spec.shared_name}"


def norm_names(position: str, block: Block, spec: Convolution) -> tuple[str, str]:
    """Names of scale and shift of a convolution in one choice."""
    prefix = f"{position}/{block.label}/{spec.name}"
    return f"{prefix}/scale", f"{prefix}/shift"


def cut_subnet(
    shared: Mapping[str, npt.NDArray[np.float16]], architecture: Architecture
) -> dict[str, FoldedConvolution]:
    """All convolutions of an architecture in float32, by `<position>/<convolution>`.

    Raises:
        KeyError: `shared` lacks a tensor, that is, it belongs to another space.
    """
    return {
        f"{position}/{spec.name}": _cut(shared, position, block, spec)
        for position, block in zip(architecture.positions, architecture.blocks, strict=True)
        for spec in block.convolutions
    }


def required_tensors(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Name and least shape of every shared tensor that an architecture is cut from."""
    needed: dict[str, tuple[int, ...]] = {}
    for position, block in zip(architecture.positions, architecture.blocks, strict=True):
        for spec in block.convolutions:
            needed[weight_name(position, spec)] = spec.weight_shape
            names = norm_names(position, block, spec) if spec.normalised else (f"{weight_name(position, spec)}/bias",)
            needed.update(dict.fromkeys(names, (spec.out_channels,)))
    return needed


def _cut(
    shared: Mapping[str, npt.NDArray[np.float16]], position: str, block: Block, spec: Convolution
) -> FoldedConvolution:
    name = weight_name(position, spec)
    out, per_group, kernel, _ = spec.weight_shape
    whole = shared[name]
    margin = (whole.shape[-1] - kernel) // 2
    centre = slice(margin, margin + kernel)
    weight = whole[:out, :per_group, centre, centre].astype(np.float32)
    if not spec.normalised:
        return FoldedConvolution(weight, shared[f"{name}/bias"][:out].astype(np.float32))
    scale, shift = (shared[key][:out].astype(np.float32) for key in norm_names(position, block, spec))
    return FoldedConvolution(weight * scale[:, None, None, None], shift)
