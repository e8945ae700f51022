"""What is loaded once and kept."""

from __future__ import annotations

import pytest

from latency_tables import MeasurementPlan
from search import Space, load_space, measurement_plan
from service import resources
from tests.service_world import SPACE


def test_a_measurement_plan_is_made_once_and_not_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(space: Space) -> MeasurementPlan:
        made.append(space.name)
        return measurement_plan(space)

    monkeypatch.setattr(resources, "measurement_plan", make)
    plans = resources._plans(load_space(SPACE))
    assert made == []
    assert plans.get() is plans.get()
    assert made == [SPACE]
