"""Error of exported networks on images, with onnxruntime: what a user's device computes is what is measured.

Asked by the service for searches with `verify` and by `training/`. One session per network: to walk the blocks that
candidates share once, in a session for each block, gained nothing (docs/decisions/0013).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BATCH = 16
"""Activations of so many images stay in the cache; hundreds at once take longer."""


@dataclass(frozen=True)
class Evaluation:
    """One network on labelled images: `error` is a fraction, `cross_entropy` a mean in nats."""

    error: float
    cross_entropy: float


def evaluate_onnx(
    model: bytes,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    *,
    threads: int = 1,
    on_batch: Callable[[], None] | None = None,
) -> Evaluation:
    """Run an exported network on uint8 images `(n, c, s, s)` and compare with `labels` `(n,)`, at least one.

    `on_batch` is called after each batch of some images; what it raises ends the evaluation.
    """
    logits = run_onnx(model, images, threads=threads, on_batch=on_batch).astype(np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    wrong = logits.argmax(axis=1) != labels
    return Evaluation(float(wrong.mean()), float(-log_probability[np.arange(len(labels)), labels].mean()))


def run_onnx(
    model: bytes,
    images: npt.NDArray[np.uint8],
    *,
    batch: int = _BATCH,
    threads: int = 1,
    on_batch: Callable[[], None] | None = None,
) -> npt.NDArray[np.float32]:
    """Logits `(n, classes)` of an exported network for uint8 images `(n, c, s, s)`; same arguments, same numbers."""
    import onnxruntime  # which only those who evaluate should load

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs = []
    for start in range(0, len(images), batch):
        inputs = {"image": images[start : start + batch].astype(np.float32) / np.float32(255.0)}
        outputs.append(session.run(None, inputs)[0])
        if on_batch is not None:
            on_batch()
    return np.concatenate(outputs)
