"""A few-shot plan is not handed out where its measurement could not become a table."""

from __future__ import annotations

from httpx import Client

from service.bootstrap import Services
from tests.service_world import DEVICE, SPACE


def test_a_few_shot_plan_needs_a_device_to_start_from(client: Client, services: Services) -> None:
    address = f"/v1/spaces/{SPACE}/measurement-plan?networks=20"
    assert client.get(address).status_code == 200
    (services.settings.tables_dir / DEVICE / f"{SPACE}.json").unlink()
    answer = client.get(address)
    assert answer.status_code == 422
    assert answer.json()["code"] == "no_known_devices"
    assert "measure the full plan" in answer.json()["detail"]
    assert client.get(f"/v1/spaces/{SPACE}/measurement-plan").status_code == 200


def test_a_few_shot_plan_has_at_least_five_networks(client: Client) -> None:
    assert client.get(f"/v1/spaces/{SPACE}/measurement-plan?networks=4").status_code == 422
