"""Front items: the candidates of a front with everything known about them."""

from __future__ import annotations

from dataclasses import replace

from search.front.pareto import RunningFront
from search.objectives.scores import Scores, score
from search.resources import SearchResources
from search.result import FrontItem
from search.space.base import Space


def front_items(
    resources: SearchResources, devices: tuple[str, ...], front: RunningFront, measured: int | None = None
) -> tuple[FrontItem, ...]:
    """Items sorted by the first objective, then genome, with latencies on these devices.

    `measured` is the column of the front's values that holds measured errors, None when they are predictions.
    """
    scores = score(resources, front.genomes[front.order()], devices)
    items = tuple(_item(resources.space, scores, row) for row in range(len(front)))
    if measured is None:
        return items
    verified = front.values[front.order(), measured].tolist()
    return tuple(replace(item, verified_error=error) for item, error in zip(items, verified, strict=True))


def _item(space: Space, scores: Scores, row: int) -> FrontItem:
    architecture = space.architecture(scores.genomes[row])
    return FrontItem(
        architecture_id=architecture.architecture_id,
        genome=architecture.genome,
        blocks=tuple(block.label for block in architecture.blocks[1:-1]),
        error=float(scores.error.mean[row]),
        error_interval=(float(scores.error.low[row]), float(scores.error.high[row])),
        latency_ms={device: estimates[row] for device, estimates in scores.latency_ms.items()},
        macs=int(scores.macs[row]),
        params=int(scores.params[row]),
        size_bytes=int(scores.size_bytes[row]),
        peak_activation_bytes=int(scores.peak_activation_bytes[row]),
    )
