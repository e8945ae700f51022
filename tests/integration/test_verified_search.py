"""Searches that evaluate on images: real processes, real files, one cache."""

from __future__ import annotations

import csv
import io
import multiprocessing
import time
from pathlib import Path

import pytest
from httpx import Client

from search import evaluate_onnx, load_space
from service.api.schemas import FrontAnswer, FrontNetworkAnswer
from service.bootstrap import Services, build_services
from tests.service_world import DEVICE, SPACE, TERMINAL
from tests.verified_world import IMAGES, build_verified_world, evaluations_kept

LARGE = "fbnet-cifar10"
BUDGET = 16
WISH = {"space": SPACE, "devices": [DEVICE], "population": 8, "generations": 5, "seed": 3}
WISH |= {"verify": True, "verify_evaluations": BUDGET}
LONG = WISH | {"space": LARGE, "verify_evaluations": 2000}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    folder: Path = tmp_path_factory.mktemp("verified")
    return build_services(build_verified_world(folder, (SPACE, LARGE)))


def post(client: Client, wish: dict) -> str:
    answer = client.post("/v1/searches", json=wish)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def job(client: Client, search_id: str) -> dict:
    return client.get(f"/v1/searches/{search_id}").json()


def wait_until(client: Client, search_id: str, reached) -> dict:
    deadline = time.monotonic() + 120
    while not reached(found := job(client, search_id)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def ended(client: Client, search_id: str) -> dict:
    return wait_until(client, search_id, lambda found: found["state"] in TERMINAL)


def front(client: Client, search_id: str) -> dict:
    found = ended(client, search_id)
    assert found["state"] == "succeeded", found["error"]
    return client.get(f"/v1/searches/{search_id}/front").json()


@pytest.fixture(scope="module")
def cold(client: Client) -> str:
    """The first search: nothing is known before."""
    search_id = post(client, WISH)
    assert ended(client, search_id)["state"] == "succeeded"
    return search_id


def test_budget_and_images_are_stated(client: Client, cold: str) -> None:
    found = job(client, cold)
    effective = found["effective_spec"]
    assert (effective["verify_evaluations"], effective["verify_images"]) == (BUDGET, 2000)
    assert (found["progress"]["phase"], found["progress"]["fraction"]) == ("done", 1.0)
    assert found["progress"]["evaluations"] == BUDGET
    phases = [event["detail"].get("phase") for event in client.get(f"/v1/searches/{cold}/events").json()["events"]]
    assert "verifying" in phases


def test_verified_errors_stand_beside_the_predicted_ones(client: Client, cold: str) -> None:
    document = front(client, cold)
    FrontAnswer.model_validate(document)
    told = document["verified"]
    assert (told["evaluations"], told["from_cache"], told["images"]) == (BUDGET, 0, IMAGES)
    assert 0 <= told["agreement"]["coverage_90"] <= 1
    for item in document["items"]:
        low, high = item["error_interval"]
        assert low <= item["error"] <= high
        assert item["verified_error"] * IMAGES == pytest.approx(round(item["verified_error"] * IMAGES))
        assert item["verified_cross_entropy"] > 0
    rows = list(csv.DictReader(io.StringIO(client.get(f"/v1/searches/{cold}/front.csv").text)))
    assert [float(row["verified_error"]) for row in rows] == [item["verified_error"] for item in document["items"]]


def test_one_network_tells_both_errors_too(client: Client, cold: str) -> None:
    item = front(client, cold)["items"][0]
    single = client.get(f"/v1/searches/{cold}/front/{item['architecture_id']}").json()
    FrontNetworkAnswer.model_validate(single)
    assert item.items() <= single.items()


def test_the_front_is_that_of_the_verified_errors(client: Client, cold: str) -> None:
    document = client.get(f"/v1/searches/{cold}/front", params={"include": "evaluated"}).json()
    assert len(document["evaluated"]["genomes"]) == BUDGET
    points = [(item["verified_error"], item["latency_ms"][DEVICE]["expected"]) for item in document["items"]]
    for error, latency in document["evaluated"]["values"]:
        assert any(best[0] <= error and best[1] <= latency for best in points)


def test_the_verified_error_is_that_of_the_download(client: Client, services: Services, cold: str) -> None:
    """On the very images, which the supernet's card names."""
    entry = services.catalogue.entry(SPACE)
    images = services.datasets.validation(load_space(SPACE), services.catalogue.supernet(entry).card)
    assert len(images) == IMAGES
    for item in front(client, cold)["items"][:3]:
        alone = evaluate_onnx(client.get(item["model_url"]).content, images.images, images.labels)
        found = (item["verified_error"], item["verified_cross_entropy"])
        assert found == (alone.error, alone.cross_entropy)


def test_what_is_known_changes_nothing_but_the_time(client: Client, services: Services, cold: str) -> None:
    kept = evaluations_kept(services.settings)
    warm = front(client, post(client, WISH))
    first = front(client, cold)
    assert warm["verified"] == first["verified"] | {"from_cache": BUDGET}
    same = ("items", "hypervolume", "evaluations")
    for name in same:
        assert strip(warm[name]) == strip(first[name])
    assert evaluations_kept(services.settings) == kept


def strip(value: object) -> object:
    """Without the addresses, which name the search."""
    if not isinstance(value, list):
        return value
    return [{name: part for name, part in item.items() if name != "model_url"} for item in value]


def test_two_searches_at_the_same_time_evaluate_nothing_twice(client: Client, services: Services, cold: str) -> None:
    before = len(evaluations_kept(services.settings))
    both = [post(client, WISH | {"verify_images": 15}) for _ in range(2)]
    told = [front(client, search_id)["verified"] for search_id in both]
    kept = evaluations_kept(services.settings)
    assert len(kept) - before == BUDGET
    assert sum(figures["evaluations"] - figures["from_cache"] for figures in told) == BUDGET
    assert {images for _, images, _ in kept} == {IMAGES, 15}


def test_a_search_is_cancelled_while_it_verifies_and_what_it_found_stays(client: Client, services: Services) -> None:
    before = len(evaluations_kept(services.settings))
    search_id = post(client, LONG)
    found = wait_until(client, search_id, lambda found: found["progress"]["evaluations"] > 2)
    assert (found["state"], found["progress"]["phase"]) == ("running", "verifying")
    assert 0 < found["progress"]["fraction"] < 1
    assert found["progress"]["seconds_left"] > 0
    assert found["estimated_finish_at"] > found["started_at"]
    client.post(f"/v1/searches/{search_id}/cancel")
    asked = time.monotonic()
    assert ended(client, search_id)["state"] == "cancelled"
    assert time.monotonic() - asked < services.settings.cancel_grace_s + 10
    assert len(evaluations_kept(services.settings)) > before


def test_a_search_whose_process_dies_goes_on_with_what_it_had(client: Client, services: Services) -> None:
    search_id = post(client, LONG | {"seed": 5})
    wait_until(client, search_id, lambda found: found["progress"]["evaluations"] > 2)
    (child,) = [child for child in multiprocessing.active_children() if child.name == f"lutnas-{search_id}"]
    child.kill()
    had = len(evaluations_kept(services.settings))
    again = wait_until(
        client, search_id, lambda found: found["attempt"] == 2 and found["progress"]["phase"] == "verifying"
    )
    assert again["progress"]["evaluations"] >= 2, "found at once, since the cache has them"
    client.post(f"/v1/searches/{search_id}/cancel")
    assert ended(client, search_id)["state"] == "cancelled"
    assert len(evaluations_kept(services.settings)) >= had
