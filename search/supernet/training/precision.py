"""Which numbers a machine computes convolutions fastest in."""

from __future__ import annotations

import functools

import torch


@functools.cache
def fastest_precision() -> str:
    """`bfloat16` where the processor or the GPU computes with it, `float32` elsewhere."""
    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    # Private until PyTorch offers these in public; a version without them trains in float32, only slower.
    supports = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return "bfloat16" if any(support() for support in supports if support is not None) else "float32"
