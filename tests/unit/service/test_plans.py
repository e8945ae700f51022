"""Measurement plans are made once, and only so many are kept."""

from __future__ import annotations

import hashlib
import threading
import time

from latency_tables import MeasurementPlan, read_plan
from search import load_space, measurement_plan
from service.plans import MOST_KEPT, Plans
from tests.service_world import SPACE

PLAN = measurement_plan(load_space(SPACE), networks=2)


def test_a_plan_comes_with_its_zip_and_sha256() -> None:
    packed = Plans(lambda _: PLAN).get()
    assert read_plan(packed.content) == packed.plan == PLAN
    assert packed.sha256 == hashlib.sha256(packed.content).hexdigest()


def test_the_last_plans_are_kept() -> None:
    made: list[int | None] = []

    def make(networks: int | None) -> MeasurementPlan:
        made.append(networks)
        return PLAN

    plans = Plans(make)
    first = plans.get()
    for networks in range(1, MOST_KEPT):
        plans.get(networks)
    assert plans.get() is first
    plans.get(MOST_KEPT)
    plans.get(1)
    plans.get()
    assert made == [None, *range(1, MOST_KEPT), MOST_KEPT, 1]


def test_who_asks_for_a_plan_that_is_being_made_waits_for_it() -> None:
    made = []

    def make(_networks: int | None) -> MeasurementPlan:
        made.append(1)
        time.sleep(0.05)
        return PLAN

    plans = Plans(make)
    threads = [threading.Thread(target=plans.get) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
