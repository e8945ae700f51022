"""The weight gradient of depthwise convolutions in C, compiled when a training starts; None where there is no compiler.

A choice of speed only: `depthwise.py` computes the same with PyTorch where this is None (five times as long).
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

KERNELS = (3, 5)
_SOURCE = Path(__file__).with_name("depthwise_gradient.c")
_FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
_LANES = 16
_ALIGNMENT = 64
_COMPILE_TIMEOUT_S = 120


class WeightGradient:
    """A compiled `depthwise_gradient.c`."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._function = library.depthwise_weight_gradient
        self._function.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_long] * 2
        self._function.restype = None

    def __call__(self, gradient: Tensor, x: Tensor, kernel: int, stride: int) -> Tensor:
        """The weight's gradient `(c, 1, k, k)` in float32 from bfloat16 `gradient` and `x` `(n, c, h, w)`."""
        x, gradient = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, gradient))
        n, channels, height, width = x.shape
        out = torch.empty(channels, 1, kernel, kernel)
        sizes = (ctypes.c_long * 6)(n, channels, height, width, stride, kernel)
        pixels = (height + kernel) * (width + kernel) + gradient.shape[2] * gradient.shape[3]

        def run(first: int, last: int) -> None:
            scratch = torch.empty(pixels * _LANES + _ALIGNMENT)
            aligned = scratch.data_ptr() + -scratch.data_ptr() % _ALIGNMENT
            arrays = (x.data_ptr(), gradient.data_ptr(), out.data_ptr(), aligned, ctypes.addressof(sizes))
            self._function(*arrays, first, last)

        _in_threads(run, channels, torch.get_num_threads())
        return out


@functools.cache
def weight_gradient() -> WeightGradient | None:
    """The compiled kernel, or None where no C compiler is at hand or it fails."""
    compiler = shutil.which(os.environ.get("CC", "gcc")) or shutil.which("clang")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "depthwise_gradient.so"
        command = [compiler, *_FLAGS, "-o", str(library), str(_SOURCE)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_COMPILE_TIMEOUT_S)  # noqa: S603 - our own file
            return WeightGradient(ctypes.CDLL(str(library)))
        except (OSError, subprocess.SubprocessError):
            return None


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor()


def _in_threads(run: Callable[[int, int], None], channels: int, threads: int) -> None:
    """Call `run(first, last)` on whole blocks of channels in so many threads; ctypes lets go of Python's lock."""
    blocks = -(-channels // _LANES)
    if threads == 1 or blocks == 1:
        run(0, channels)
        return
    share = -(-blocks // threads) * _LANES
    parts = [(first, min(first + share, channels)) for first in range(0, channels, share)]
    list(_pool().map(lambda part: run(*part), parts))
