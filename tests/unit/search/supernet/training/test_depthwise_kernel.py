"""The compiled weight gradient: the same numbers as PyTorch's, for any size and number of threads, or not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from search.supernet.training import depthwise_kernel
from search.supernet.training.depthwise_kernel import weight_gradient


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    weight_gradient.cache_clear()
    yield
    weight_gradient.cache_clear()


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def operands(channels: int, size: int, stride: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(channels + size)
    small = -(-size // stride)
    shapes = ((3, channels, small, small), (3, channels, size, size))
    return tuple(torch.randn(shape, generator=generator).bfloat16() for shape in shapes)  # type: ignore[return-value]


def pytorchs(gradient: Tensor, x: Tensor, kernel: int, stride: int) -> Tensor:
    channels = x.shape[1]
    weight = torch.zeros(channels, 1, kernel, kernel)
    return torch.nn.grad.conv2d_weight(x.float(), weight.shape, gradient.float(), stride, kernel // 2, 1, channels)


@pytest.mark.parametrize("channels", [1, 8, 16, 24, 33, 72])
@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(8, 3, 1), (8, 5, 1), (9, 5, 2), (7, 3, 2), (1, 3, 1), (2, 5, 2)]
)
def test_it_is_pytorchs(channels: int, size: int, kernel: int, stride: int) -> None:
    compiled = weight_gradient()
    if compiled is None:
        pytest.skip("no C compiler here")
    gradient, x = operands(channels, size, stride)
    found, wanted = compiled(gradient, x, kernel, stride), pytorchs(gradient, x, kernel, stride)
    assert found.shape == wanted.shape
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_threads_change_nothing(threads: None) -> None:
    compiled = weight_gradient()
    if compiled is None:
        pytest.skip("no C compiler here")
    gradient, x = operands(72, 8, 1)
    found = []
    for number in (1, 2, 5):
        torch.set_num_threads(number)
        found.append(compiled(gradient, x, 5, 1))
    assert all(torch.equal(found[0], other) for other in found)


def test_without_a_compiler_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depthwise_kernel.shutil, "which", lambda name: None)
    assert weight_gradient() is None


def test_a_compiler_that_fails_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depthwise_kernel.shutil, "which", lambda name: "/bin/false")
    assert weight_gradient() is None
