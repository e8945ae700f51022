"""The depthwise convolution with a backward pass of its own, against PyTorch's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from search.supernet.training.depthwise import depthwise

CHANNELS = 6
CASES = [(kernel, stride, biased) for kernel in (3, 5) for stride in (1, 2) for biased in (False, True)]
WAYS = ["compiled", "with PyTorch alone"]
cases = pytest.mark.parametrize(("kernel", "stride", "biased"), CASES)


def operands(kernel: int, biased: bool) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = [(4, CHANNELS, 9, 9), (CHANNELS, 1, kernel, kernel), (CHANNELS,)][: 3 if biased else 2]
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]


def reference(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    return functional.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, groups=CHANNELS)


def output_and_gradients(convolve: object, kernel: int, stride: int, biased: bool) -> list[Tensor]:
    parts = operands(kernel, biased)
    y = convolve(parts[0], parts[1], parts[2] if biased else None, stride)
    slope = torch.linspace(-1.0, 1.0, y.numel()).reshape(y.shape)
    (y.float() * slope).sum().backward()
    return [y.detach(), *(part.grad for part in parts)]


@cases
def test_without_autocast_it_is_pytorchs(kernel: int, stride: int, biased: bool) -> None:
    found = output_and_gradients(depthwise, kernel, stride, biased)
    wanted = output_and_gradients(reference, kernel, stride, biased)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, wanted, strict=True))


@cases
@pytest.mark.parametrize("way", WAYS)
def test_under_autocast_it_is_pytorchs_but_for_rounding(
    monkeypatch: pytest.MonkeyPatch, way: str, kernel: int, stride: int, biased: bool
) -> None:
    if way == WAYS[1]:
        monkeypatch.setattr("search.supernet.training.depthwise.weight_gradient", lambda: None)
    with torch.autocast("cpu", torch.bfloat16):
        found = output_and_gradients(depthwise, kernel, stride, biased)
    wanted = output_and_gradients(reference, kernel, stride, biased)
    assert found[0].dtype == torch.bfloat16
    assert all(gradient.dtype == torch.float32 for gradient in found[1:])
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.shape == theirs.shape
        assert (ours.float() - theirs).norm() <= 0.01 * theirs.norm()


def test_an_input_without_gradient_is_fine() -> None:
    x, weight = (part.detach() for part in operands(5, biased=False))
    weight.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        depthwise(x, weight, None, 2).float().sum().backward()
    assert x.grad is None
    assert weight.grad is not None
    assert weight.grad.abs().sum() > 0
