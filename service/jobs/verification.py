"""Networks evaluated on images during a search with `verify`, in the search's own process.

`ImageErrors` is the engine's `ErrorMeasure`; made by `runner.py`. Every evaluation is looked up in the cache first and
kept there at once, so that a search that is killed has lost one at most.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np

from search import Evaluation, FrontItem, Genomes, LabelledImages, Measured, Predictor, Space, evaluate_onnx
from service.catalogue import Supernet
from service.jobs.order import SearchOrder
from service.jobs.verified import Genome, Verified, agreement
from service.storage.evaluation_cache import CachePlace, EvaluationCache, open_cache
from service.storage.evaluation_repository import EvaluationKey

Clock = Callable[[], float]
OnStep = Callable[[int, int, float | None], None]
"""Called with the evaluations done, the budget, and the seconds left where known; what it raises ends the search."""
_DRAWN_WITH = 0
"""Seed of the draw of images: the same for all searches, so that they share evaluations."""
_PAUSE_S = 0.05
"""Between two looks at an evaluation that another search is busy with."""


def drawn_images(images: LabelledImages, most: int) -> LabelledImages:
    """So many of the images, all where there are no more: the same each time, whatever order the classes lie in."""
    order = np.random.default_rng(_DRAWN_WITH).permutation(len(images))
    return images.take(np.sort(order[:most]))


@dataclass(frozen=True)
class Subnets:
    """Networks of a space, with a supernet's weights, on these images."""

    space: Space
    supernet: Supernet
    images: LabelledImages

    def evaluate(self, genome: Genome, on_batch: Callable[[], None]) -> Evaluation:
        """The error of the very file that is downloaded."""
        model = self.supernet.export(self.space.architecture(genome), {})
        return evaluate_onnx(model, self.images.images, self.images.labels, on_batch=on_batch)


class ImageErrors:
    """Errors of networks on images, each evaluated once; `budget`, which is the engine's to keep, tells the time left.

    Attributes:
        found: every evaluation of this search, by genome.
        from_cache: how many of them another search has made.
    """

    def __init__(
        self, subnets: Subnets, cache: EvaluationCache, budget: int, on_step: OnStep, clock: Clock = time.monotonic
    ) -> None:
        self.found: dict[Genome, Evaluation] = {}
        self.from_cache = 0
        self._subnets = subnets
        self._cache = cache
        self._budget = budget
        self._on_step = on_step
        self._clock = clock
        self._evaluating_s = 0.0
        self._choosing_s = 0.0
        self._answered_at: float | None = None

    def measure(self, genomes: Genomes) -> Measured:
        """Evaluate `(n, g)` genomes, or look them up. The error is NaN where logits are not finite."""
        if self._answered_at is not None:
            self._choosing_s += self._clock() - self._answered_at
        wanted: list[Genome] = [tuple(genome) for genome in genomes.tolist()]
        new = [genome for genome in dict.fromkeys(wanted) if genome not in self.found]
        known = self._cache.find(new)
        self._take(known)
        waiting = deque(genome for genome in new if genome not in known)
        self._step()
        while waiting:
            genome = waiting.popleft()
            if not self._evaluate(genome):
                waiting.append(genome)
                time.sleep(_PAUSE_S)
                self._step()
        self._answered_at = self._clock()
        evaluations = [self.found[genome] for genome in wanted]
        entropy = np.array([found.cross_entropy for found in evaluations], dtype=np.float64)
        error = np.array([found.error for found in evaluations], dtype=np.float64)
        return Measured(np.where(np.isfinite(entropy), error, np.nan), entropy)

    def verified(self, front: Sequence[FrontItem], predictor: Predictor) -> Verified:
        """What the result tells: the front's networks as evaluated, and how well `predictor` foretold everything."""
        summary = {
            "evaluations": len(self.found),
            "from_cache": self.from_cache,
            "images": len(self._subnets.images),
            "images_sha256": self._subnets.images.sha256,
            "agreement": asdict(agreement(predictor, self.found)),
        }
        known = {item.architecture_id: self.found[item.genome] for item in front if item.genome in self.found}
        figures = {
            name: {"verified_error": found.error, "verified_cross_entropy": found.cross_entropy}
            for name, found in known.items()
        }
        return Verified(figures, summary)

    def _evaluate(self, genome: Genome) -> bool:
        """Evaluate one genome, unless another search is busy with it."""
        with self._cache.claim(genome) as mine:
            if not mine:
                return False
            # Another search may have been faster since the first look.
            known = self._cache.find([genome])
            if not known:
                started = self._clock()
                evaluation = self._subnets.evaluate(genome, self._step)
                self._evaluating_s += self._clock() - started
                self._cache.keep(genome, evaluation)
                self.found[genome] = evaluation
            self._take(known)
        self._step()
        return True

    def _take(self, known: Mapping[Genome, Evaluation]) -> None:
        self.found |= known
        self.from_cache += len(known)

    def _step(self) -> None:
        done = len(self.found)
        made = done - self.from_cache
        if not made:
            self._on_step(done, self._budget, None)
            return
        each_s = self._evaluating_s / made + self._choosing_s / done
        self._on_step(done, self._budget, each_s * max(self._budget - done, 0))


@contextmanager
def open_image_errors(order: SearchOrder, subnets: Subnets, on_step: OnStep) -> Iterator[ImageErrors]:
    """Errors of a search's networks, kept in the database of the server that gave the order.

    Raises:
        OSError: the file of claims cannot be made.
    """
    images = subnets.images
    key = EvaluationKey(subnets.supernet.sha256, subnets.space.sha256, images.sha256)
    place = CachePlace(order.database_url, order.claims_file)
    with open_cache(place, key, len(images)) as cache:
        yield ImageErrors(subnets, cache, int(order.request["verify_evaluations"]), on_step)
