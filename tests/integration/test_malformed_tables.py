"""Malformed latency tables: every one refused with a pointer, nothing written, the server alive."""

from __future__ import annotations

from pathlib import Path

import pytest
from httpx import Client

from benchmarks.malformed_tables import DEVICE, Malformed, by_hand, good_document
from benchmarks.mutated_tables import mutated
from search import load_space
from service.bootstrap import Services
from tests.service_world import SPACE

JSON = {"Content-Type": "application/json"}
ADDRESS = f"/v1/devices/{DEVICE}/tables/{SPACE}"
BY_HAND = by_hand(load_space(SPACE))
GENERATED, SEED = 2000, 0


def files(services: Services) -> set[Path]:
    return {path for path in services.settings.tables_dir.rglob("*") if path.is_file()}


def put(client: Client, malformed: Malformed) -> set[str]:
    """The pointers of the refusal."""
    answer = client.put(ADDRESS, content=malformed.body, headers=JSON)
    assert 400 <= answer.status_code < 500, f"{malformed.name}: {answer.status_code} {answer.text[:500]}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert 1 <= len(problem["errors"]) <= 20
    assert problem["errors_total"] >= len(problem["errors"])
    assert answer.text.isascii()
    return {fault["pointer"] for fault in problem["errors"]}


def test_there_are_at_least_sixty_kinds_with_names_of_their_own() -> None:
    assert len({malformed.name for malformed in BY_HAND}) == len(BY_HAND) >= 60


@pytest.mark.parametrize("malformed", BY_HAND, ids=lambda malformed: malformed.name)
def test_a_malformed_table_is_refused_where_it_is_wrong(
    client: Client, services: Services, malformed: Malformed
) -> None:
    before = files(services)
    pointers = put(client, malformed)
    assert not malformed.places or pointers & set(malformed.places), pointers
    assert files(services) == before


def test_two_thousand_mutations_are_refused(client: Client, services: Services) -> None:
    before = files(services)
    for malformed in mutated(load_space(SPACE), GENERATED, SEED):
        put(client, malformed)
    assert files(services) == before
    assert client.get("/healthz").status_code == 200
    assert DEVICE not in [device["name"] for device in client.get("/v1/devices").json()["devices"]]


def test_the_table_they_are_made_from_is_good(client: Client) -> None:
    answer = client.put(ADDRESS, json=good_document(load_space(SPACE)))
    assert answer.status_code == 201, answer.text
