"""Errors <-> targets that a Gaussian process suits: log odds, made as normal as one parameter can.

Yeo and Johnson 2000, equation 2.1: a power transform of the distance from the median, one power for worse and its
mirror for better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from search.predictor.covariance import Floats

_SMALLEST_ERROR = 1e-4
_QUARTILES = 1.349
"""Interquartile range of a normal variable with deviation 1."""


@dataclass(frozen=True)
class Warp:
    """A strictly rising map of errors in [0, 1] to numbers with mean about 0 and variance about 1.

    Attributes:
        middle: median of the log odds.
        scale: their spread, as robust as the median.
        power: 1 leaves the log odds as they are, less pulls bad networks in; from 0 to 2, where every number has an
            error.
    """

    middle: float
    scale: float
    power: float
    centre: float
    spread: float

    def forward(self, errors: Floats) -> Floats:
        """Errors as targets."""
        return (_power((_log_odds(errors) - self.middle) / self.scale, self.power) - self.centre) / self.spread

    def inverse(self, targets: Floats) -> Floats:
        """Targets as errors, strictly inside 0 to 1."""
        log_odds = self.middle + self.scale * _inverse_power(self.centre + self.spread * targets, self.power)
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0))))


def fit_warp(errors: Floats) -> Warp:
    """The map that makes these errors most like a normal sample."""
    log_odds = _log_odds(errors)
    middle = float(np.median(log_odds))
    low, high = np.percentile(log_odds, [25, 75])
    scale = float(high - low) / _QUARTILES or float(log_odds.std()) or 1.0
    centred = (log_odds - middle) / scale
    power = 1.0
    if np.ptp(log_odds) > 1e-9:
        power = float(minimize_scalar(lambda at: -_likelihood(centred, at), bounds=(0.0, 2.0), method="bounded").x)
    warped = _power(centred, power)
    return Warp(middle, scale, power, float(warped.mean()), float(warped.std()) or 1.0)


def _log_odds(errors: Floats) -> Floats:
    clipped = np.clip(errors, _SMALLEST_ERROR, 1 - _SMALLEST_ERROR)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _likelihood(values: Floats, power: float) -> float:
    """Log likelihood of a normal sample after the transform, up to a constant."""
    bend = float((np.sign(values) * np.log1p(np.abs(values))).sum())
    return (power - 1) * bend - 0.5 * len(values) * float(np.log(_power(values, power).var()))


def _power(values: Floats, power: float) -> Floats:
    above, below = np.log1p(np.maximum(values, 0.0)), np.log1p(np.maximum(-values, 0.0))
    return _over(above, power) - _over(below, 2.0 - power)


def _over(logarithm: Floats, power: float) -> Floats:
    """`(exp(power * logarithm) - 1) / power`, and its limit at 0."""
    return logarithm if power < 1e-9 else np.expm1(power * logarithm) / power


def _inverse_power(values: Floats, power: float) -> Floats:
    above, below = np.maximum(values, 0.0), np.maximum(-values, 0.0)
    return np.expm1(_under(above, power)) - np.expm1(_under(below, 2.0 - power))


def _under(values: Floats, power: float) -> Floats:
    """The logarithm that `_over` began with, at most 50: no error is that far out."""
    return np.minimum(values if power < 1e-9 else np.log1p(power * values) / power, 50.0)
