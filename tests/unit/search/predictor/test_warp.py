"""Errors to targets and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.predictor.warp import Warp, fit_warp

ERRORS = st.lists(st.floats(0.0, 1.0), min_size=2, max_size=30)


@given(ERRORS)
def test_targets_lead_back_to_their_errors(errors: list[float]) -> None:
    values = np.array(errors)
    warp = fit_warp(values)
    assert warp.inverse(warp.forward(values)) == pytest.approx(np.clip(values, 1e-4, 1 - 1e-4), rel=1e-4, abs=1e-6)


@given(ERRORS)
def test_a_larger_error_has_a_larger_target(errors: list[float]) -> None:
    warp = fit_warp(np.array(errors))
    assert (np.diff(warp.forward(np.linspace(0.001, 0.999, 50))) > 0).all()


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_every_target_is_an_error(power: float) -> None:
    errors = Warp(-2.0, 0.5, power, 0.0, 1.0).inverse(np.array([-1e3, -5.0, 0.0, 5.0, 1e3]))
    assert ((errors > 0) & (errors < 1)).all()
    assert (np.diff(errors) >= 0).all()


def test_a_long_tail_of_bad_networks_is_pulled_in() -> None:
    rng = np.random.default_rng(0)
    errors = 1 / (1 + np.exp(-(np.exp(rng.normal(0, 0.9, 500)) - 3)))
    warp = fit_warp(errors)
    targets = warp.forward(errors)
    assert warp.power < 0.7
    assert abs(float((targets**3).mean())) < 0.6
    assert abs(float((targets**3).mean())) < 0.3 * abs(float((((errors - errors.mean()) / errors.std()) ** 3).mean()))
    assert targets.mean() == pytest.approx(0, abs=1e-9)
    assert targets.std() == pytest.approx(1)


def test_errors_that_do_not_differ_have_finite_targets() -> None:
    warp = fit_warp(np.full(20, 0.3))
    assert np.isfinite(warp.forward(np.array([0.1, 0.3, 0.9]))).all()
