"""The breakdowns of a front, packed and read back."""

from __future__ import annotations

import json

import pytest

from latency_tables import LatencyTable
from search import Architecture, latency_breakdown, load_space
from service.jobs.breakdown_document import breakdown_document, breakdown_view, read_breakdown
from tests.service_world import SPACE, all_genomes, board_table


@pytest.fixture(scope="module")
def architectures() -> list[Architecture]:
    space = load_space(SPACE)
    return [space.architecture(genome) for genome in all_genomes(space)]


@pytest.fixture(scope="module")
def tables() -> dict[str, LatencyTable]:
    return {device: board_table(device=device) for device in ("test-board", "other")}


def test_what_was_packed_is_read_back_exactly(architectures, tables) -> None:
    document = json.loads(json.dumps(breakdown_document(architectures, tables)))
    for architecture in architectures:
        rows = read_breakdown(document, architecture.architecture_id)
        assert rows == {
            device: breakdown_view(latency_breakdown(architecture, table)) for device, table in tables.items()
        }


def test_texts_are_named_once(architectures, tables) -> None:
    document = breakdown_document(architectures, tables)
    assert len(set(document["texts"])) == len(document["texts"]) < 40


def test_a_network_that_is_not_there_is_no_network(architectures, tables) -> None:
    with pytest.raises(KeyError):
        read_breakdown(breakdown_document(architectures[:1], tables), architectures[1].architecture_id)


def test_an_empty_front_is_an_empty_document(tables) -> None:
    assert breakdown_document([], tables) == {"texts": [], "networks": {}}
