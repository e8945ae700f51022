"""What is loaded once and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from latency_tables import MeasurementPlan
from search import Space, load_space, measurement_plan
from service import resources
from tests.service_world import DEVICE, SPACE, build_world


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


@pytest.mark.parametrize("old", ['"lutnas-latency-table/1"', '"something else"'])
def test_a_table_of_an_older_version_is_told_and_does_not_keep_the_service_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, old: str
) -> None:
    settings = build_world(tmp_path)
    path = settings.tables_dir / DEVICE / f"{SPACE}.json"
    path.write_text(path.read_text().replace('"lutnas-latency-table/2"', old))
    catalogue = resources.load_catalogue(settings.tables_dir, settings.pretrained_dir)
    assert DEVICE not in catalogue.tables_for(SPACE)
    assert f"{path}: format is" in caplog.text
    assert "this version reads 'lutnas-latency-table/2'" in caplog.text
