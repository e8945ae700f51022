"""Searches whose front is to be measured again: taken on the machine whose table it is, refused elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from httpx import Client

from latency_tables import write_table
from service.bootstrap import Services
from tests.service_world import DEVICE, REQUEST, SPACE, local_table

WISH = REQUEST | {"remeasure": True}


@pytest.fixture(autouse=True)
def quiet(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """No search is started."""
    monkeypatch.setattr(services.lifecycle, "claim", lambda: None)


@pytest.fixture
def local(services: Services) -> str:
    write_table(local_table(), services.settings.tables_dir / "local-cpu" / f"{SPACE}.json")
    return "local-cpu"


def test_another_machine_is_refused_and_what_differs_is_named(client: Client) -> None:
    answer = client.post("/v1/searches", json=WISH)
    assert (answer.status_code, answer.json()["code"]) == (422, "remeasure_elsewhere")
    (fault,) = answer.json()["errors"]
    assert fault["pointer"] == "/devices/0"
    assert "the table is of 'none', this machine has" in fault["detail"]
    assert "lutnas measure" in answer.json()["detail"]


@pytest.mark.parametrize("change", [{"processor": "Cortex-A72"}, {"runtime_version": "1.0.0"}, {"notes": "4096 cores"}])
def test_one_difference_is_enough(client: Client, services: Services, change: dict) -> None:
    table = local_table(device="nearly")
    table = replace(table, provenance=replace(table.provenance, **change))
    write_table(table, services.settings.tables_dir / "nearly" / f"{SPACE}.json")
    answer = client.post("/v1/searches", json=WISH | {"devices": ["nearly"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "remeasure_elsewhere")
    assert next(iter(change.values())).split()[0] in answer.json()["errors"][0]["detail"]


def test_this_machine_is_taken_alone_or_beside_others(client: Client, local: str) -> None:
    for devices in ([local], [DEVICE, local]):
        answer = client.post("/v1/searches", json=WISH | {"devices": devices})
        assert answer.status_code == 202, answer.text
        assert answer.json()["effective_spec"]["remeasure"] is True
        assert answer.json()["estimated_finish_at"] is None


def test_without_latency_there_is_nothing_to_measure(client: Client, local: str) -> None:
    answer = client.post("/v1/searches", json=WISH | {"devices": [local], "objectives": ["error", "macs"]})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/remeasure"]


@pytest.mark.parametrize("wish", [1, "true", None])
def test_a_wish_is_true_or_false(client: Client, wish: object) -> None:
    answer = client.post("/v1/searches", json=REQUEST | {"remeasure": wish})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/remeasure"]
