"""How much hypervolume a candidate may add, given what the model expects of its error and its known other objectives.

Only the error is uncertain, so the expectation has a closed form. At a point u of the known objectives the measured
front has an error to beat: the lowest of all candidates that are nowhere above u. A candidate lowers it at each u that
it is nowhere above itself. The volume gained is therefore the expected improvement upon that error, summed over cells
of known objectives: expected hypervolume improvement (Emmerich et al. 2006) with all objectives but one known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from scipy.stats import qmc

from search.front.pareto import non_dominated

Floats = npt.NDArray[np.float64]
_BEYOND = 1.1
"""The reference point, in a box from the front's best to its worst values: its ends count for something."""
_POINTS = 256


@dataclass(frozen=True)
class LogNormal:
    """What a model expects of errors: mean and deviation of their logarithms, `(n,)` each."""

    mean: Floats
    deviation: Floats

    def improvement(self, levels: Floats) -> Floats:
        """Expected reduction of each of `(k,)` positive errors, `(n, k)`: mean of max(level - error, 0)."""
        deviation = self.deviation[:, None]
        below = (np.log(levels) - self.mean[:, None]) / deviation
        expected = np.exp(np.minimum(self.mean + self.deviation**2 / 2, 0.0))
        return np.asarray(np.maximum(levels * ndtr(below) - expected[:, None] * ndtr(below - deviation), 0.0))


@dataclass(frozen=True)
class Corner:
    """The reference point: candidates beyond it add nothing. `error` and `known` `(k,)`, from `lowest` `(k,)` on."""

    error: float
    lowest: Floats
    known: Floats


def corner_of(errors: Floats, known: Floats, best_known: Floats, lowest: Floats) -> Corner:
    """A tenth beyond the front of measured errors `(n,)` and known objectives `(n, k)`.

    Args:
        errors: measured.
        known: the other objectives of the measured.
        best_known: how far those go that may have the lowest error, `(k,)`: the front may come to reach there.
        lowest: the smallest known objectives of any candidate, `(k,)`.
    """
    front = non_dominated(np.column_stack([errors, known]))
    best, worst = errors[front].min(), errors[front].max()
    if worst <= best:
        worst = errors.max()
    reach = np.maximum(known[front].max(axis=0, initial=-np.inf), best_known)
    return Corner(best + _BEYOND * (worst - best), lowest, lowest + _BEYOND * (reach - lowest))


def expected_gain(beliefs: LogNormal, known: Floats, measured: tuple[Floats, Floats], corner: Corner) -> Floats:
    """Expected hypervolume gained by measuring each candidate alone, `(n,)`.

    Exact for no and one known objective, by 256 quasi-random points for more.

    Args:
        beliefs: about the n candidates' errors.
        known: their other objectives, `(n, k)`.
        measured: errors `(t,)` and known objectives `(t, k)` of the candidates measured so far.
        corner: the reference point.
    """
    if known.shape[1] == 0:
        level = min(measured[0].min(initial=np.inf), corner.error)
        return np.asarray(beliefs.improvement(np.array([level]))[:, 0])
    if known.shape[1] == 1:
        left, right, levels = _steps(measured[0], measured[1][:, 0], corner)
        widths = np.maximum(right - np.maximum(left, known), 0.0)
        return np.asarray((widths * beliefs.improvement(levels)).sum(axis=1))
    points = corner.lowest + qmc.Sobol(known.shape[1], scramble=False).random(_POINTS) * (corner.known - corner.lowest)
    levels = _levels_at(points, measured, corner)
    reached = (known[:, None, :] <= points).all(axis=2)
    return np.asarray((reached * beliefs.improvement(levels)).mean(axis=1))


def _steps(errors: Floats, costs: Floats, corner: Corner) -> tuple[Floats, Floats, Floats]:
    """Ranges of the cost, from `left` to `right`, with the error to beat in each, `(k,)` each."""
    order = np.lexsort((errors, costs))
    lowest = np.minimum.accumulate(errors[order])
    lower = np.append(True, lowest[1:] < lowest[:-1]) if len(lowest) else np.empty(0, dtype=bool)
    starts = np.minimum(costs[order][lower], corner.known[0])
    left, right = np.append(-np.inf, starts), np.append(starts, corner.known[0])
    levels = np.append(corner.error, np.minimum(lowest[lower], corner.error))
    some = right > left
    return left[some], right[some], levels[some]


def _levels_at(points: Floats, measured: tuple[Floats, Floats], corner: Corner) -> Floats:
    """The error to beat at each of `(p, k)` points, `(p,)`."""
    errors, known = measured
    below = (known[:, None, :] <= points).all(axis=2)
    lowest = np.where(below, errors[:, None], np.inf).min(axis=0, initial=np.inf)
    return np.asarray(np.minimum(lowest, corner.error))
