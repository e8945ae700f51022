"""Random genomes spread over the sizes of a space, for training a supernet and for choosing what is evaluated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from search.space.base import Genomes
from search.space.chain import ChainSpace

_STEEPEST = 2.5
"""At this tilt the largest of six blocks of a layer is drawn five times of six."""


def spread_genomes(space: ChainSpace, n: int, rng: np.random.Generator) -> Genomes:
    """Random genomes `(n, g)` whose macs spread over the space's range; duplicates may occur.

    Uniform genomes crowd around the mean, because a sum of many layers does; a front runs from the smallest networks
    to the largest. So every genome has a tilt of its own, uniform from small to large, and each of its genes is drawn
    with odds that grow with the block's macs by this tilt.
    """
    tilts = rng.uniform(-_STEEPEST, _STEEPEST, n)
    uniform = rng.random((n, len(space.layers)))
    columns = [_draw(np.array([block.macs for block in blocks], dtype=np.float64), tilts, uniform[:, place])
               for place, blocks in enumerate(space.layers)]  # fmt: skip
    return np.stack(columns, axis=1)


def _draw(
    macs: npt.NDArray[np.float64], tilts: npt.NDArray[np.float64], uniform: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """One gene for each tilt, `(n,)`, by inverting the cumulative odds at `uniform`."""
    size = (macs - macs.mean()) / (macs.std() or 1.0)
    odds = np.exp(np.outer(tilts, size))
    cumulative = np.cumsum(odds, axis=1)
    drawn: npt.NDArray[np.int64] = (uniform[:, None] * cumulative[:, -1:] >= cumulative).sum(axis=1)
    return np.asarray(np.minimum(drawn, len(macs) - 1), dtype=np.int64)
