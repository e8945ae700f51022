"""Depthwise convolution whose backward pass is fast in bfloat16 on CPUs.

PyTorch 2.13's CPU backward of strided and of 5x5 depthwise convolutions is 3 to 25 times slower in bfloat16 than in
float32 (128 x 72 x 32 x 32, 5x5, stride 2: 107 against 4 ms for the input's gradient), while everything else is
faster in bfloat16. So those gradients are computed in float32, and the rest stays in bfloat16. The weight's gradient
is slow in either (25 to 50 ms); where a C compiler is at hand it is computed by `depthwise_kernel.py` in 4 to 10 ms.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from search.supernet.training.depthwise_kernel import KERNELS, weight_gradient

_Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]


class _MixedBackward(torch.autograd.Function):
    """Depthwise convolution in the input's precision, its slow gradients in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        ctx.has_bias = bias is not None
        return F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        wide = ctx.stride > 1
        by_input = _gradients(gradient, x, weight, ctx.stride, (True, False, False), wide)[0]
        compiled = weight_gradient() if weight.shape[-1] in KERNELS and x.dtype == torch.bfloat16 else None
        if compiled is not None:
            by_bias = gradient.sum((0, 2, 3), dtype=torch.float32).to(x.dtype) if ctx.has_bias else None
            return _like(by_input, x), _like(compiled(gradient, x, weight.shape[-1], ctx.stride), weight), by_bias, None
        wide = wide or weight.shape[-1] > 3
        _, by_weight, by_bias = _gradients(gradient, x, weight, ctx.stride, (False, True, ctx.has_bias), wide)
        return _like(by_input, x), _like(by_weight, weight), by_bias, None


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """Depthwise convolution with "same" padding: `x` `(n, c, h, w)`, `weight` `(c, 1, k, k)`, `bias` `(c,)`.

    Follows autocast like `torch.nn.functional.conv2d`.
    """
    if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, 1, weight.shape[0])
    dtype = torch.get_autocast_dtype("cpu")
    cast_bias = None if bias is None else bias.to(dtype)
    return cast(Tensor, _MixedBackward.apply(x.to(dtype), weight.to(dtype), cast_bias, stride))  # type: ignore[no-untyped-call]


def _gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, wanted: tuple[bool, bool, bool], wide: bool
) -> _Gradients:
    if wide:
        gradient, x, weight = gradient.float(), x.float(), weight.float()
    channels, _, kernel, _ = weight.shape
    padding = [kernel // 2] * 2
    gradients = torch.ops.aten.convolution_backward(
        gradient, x, weight, [channels], [stride] * 2, padding, [1, 1], False, [0, 0], channels, list(wanted)
    )
    return cast(_Gradients, tuple(gradients))


def _like(gradient: Tensor | None, tensor: Tensor) -> Tensor | None:
    return None if gradient is None else gradient.to(tensor.dtype)
