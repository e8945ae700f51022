"""One architecture of a space: blocks, costs, and latencies with their rows."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from httpx import Client

from latency_tables import Honesty, LatencyTable, write_table
from search import load_space
from service.api.schemas import ArchitectureAnswer
from service.bootstrap import Services
from tests.service_world import DEVICE, SPACE, board_table

HONESTY = Honesty(2, 0.02, 1.0, 1.0, 0.9, 0.9, 0.01, 1.0, 0.95, (1.0, 2.0), (1.01, 2.02))
ADDRESS = f"/v1/architectures/{SPACE}"


@pytest.fixture
def neighbourly(services: Services) -> LatencyTable:
    """A second device, whose operators cost more and less beside each other, and that knows how good it is."""
    table = board_table(device="neighbourly")
    keys = [block.operator_key for block in load_space(SPACE).operators()]
    beside = {(first, second): 0.001 * number for number, first in enumerate(keys) for second in keys}
    table = replace(table, neighbour_ms=beside, honesty=HONESTY, covers=frozenset())
    write_table(table, services.settings.tables_dir / "neighbourly" / f"{SPACE}.json")
    return table


def test_an_architecture_is_described_block_by_block(client: Client) -> None:
    answer = client.get(f"{ADDRESS}/0-1-2-1")
    assert answer.status_code == 200, answer.text
    found, real = answer.json(), load_space(SPACE).architecture((0, 1, 2, 1))
    assert (found["architecture_id"], found["genome"]) == (real.architecture_id, [0, 1, 2, 1])
    assert [block["position"] for block in found["blocks"]] == list(real.positions)
    assert sum(block["macs"] for block in found["blocks"]) == found["macs"] == real.macs
    assert sum(block["params"] for block in found["blocks"]) == found["params"] == real.params
    assert found["blocks"][3] == {
        "position": real.positions[3],
        "label": "skip",
        "operator": None,
        "macs": 0,
        "params": 0,
    }
    assert found["error_interval"][0] <= found["error"] <= found["error_interval"][1]
    ArchitectureAnswer.model_validate(found)


def test_it_is_the_score_of_the_same_genome(client: Client) -> None:
    one = client.get(f"{ADDRESS}/2-0-1-1", params={"devices": DEVICE}).json()
    request = {"space": SPACE, "devices": [DEVICE], "genomes": [[2, 0, 1, 1]]}
    scored = client.post("/v1/architectures/score", json=request).json()
    assert scored["scores"][0].items() <= one.items()
    assert scored["tables"] == one["tables"]


def test_rows_sum_to_the_latency_on_every_device(client: Client, neighbourly: LatencyTable) -> None:
    for genome in ("0-0-0-0", "1-2-0-1", "2-2-2-2"):
        found = client.get(f"{ADDRESS}/{genome}").json()
        assert set(found["breakdown"]) == set(found["latency_ms"]) == {DEVICE, "neighbourly"}
        for device, rows in found["breakdown"].items():
            expected = found["latency_ms"][device]["expected"]
            assert math.fsum(row["latency_ms"] for row in rows) == pytest.approx(expected, abs=1e-9)
            assert math.fsum(row["share"] for row in rows) == pytest.approx(1.0, abs=1e-9)
            assert rows[0]["position"] == "fixed"
            assert [row["operator"] for row in rows[1:]] == [block["operator"] for block in found["blocks"]]
        keys = load_space(SPACE).architecture(tuple(map(int, genome.split("-")))).operator_keys
        assert found["latency_ms"]["neighbourly"]["expected"] == pytest.approx(neighbourly.total_ms(keys))


def test_honesty_stands_beside_the_latency(client: Client, neighbourly: LatencyTable) -> None:
    tables = client.get(f"{ADDRESS}/0-0-0-0").json()["tables"]
    assert tables[DEVICE]["honesty"] is None
    told = tables["neighbourly"]
    assert (told["kind"], told["sha256"], told["emulated"]) == ("estimated", neighbourly.sha256, False)
    assert (told["honesty"]["mape"], told["honesty"]["repeatability_tau"]) == (0.02, 0.95)
    assert not {"predicted_ms", "measured_ms"} & set(told["honesty"])


def test_devices_can_be_chosen(client: Client, neighbourly: LatencyTable) -> None:
    found = client.get(f"{ADDRESS}/0-0-0-0", params={"devices": ["neighbourly", "neighbourly"]}).json()
    assert list(found["latency_ms"]) == list(found["breakdown"]) == list(found["tables"]) == ["neighbourly"]


def test_an_emulated_device_is_left_out_unless_it_is_named(client: Client, services: Services) -> None:
    table = board_table(device="emulated")
    table = replace(table, provenance=replace(table.provenance, emulated=True))
    write_table(table, services.settings.tables_dir / "emulated" / f"{SPACE}.json")
    request = {"space": SPACE, "genomes": [[0, 0, 0, 0]]}
    assert "emulated" not in client.get(f"{ADDRESS}/0-0-0-0").json()["latency_ms"]
    assert "emulated" not in client.post("/v1/architectures/score", json=request).json()["tables"]
    named = client.get(f"{ADDRESS}/0-0-0-0", params={"devices": "emulated"}).json()
    assert named["tables"]["emulated"]["emulated"] is True
    request["devices"] = [DEVICE, "emulated"]
    refused = client.post("/v1/architectures/score", json=request)
    assert (refused.status_code, refused.json()["code"]) == (422, "emulated_table")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/devices/1"]
    forced = client.post("/v1/architectures/score", json=request | {"allow_emulated": True}).json()
    assert forced["tables"]["emulated"]["emulated"] is True


def test_unknown_devices_are_named_by_their_place(client: Client) -> None:
    answer = client.get(f"{ADDRESS}/0-0-0-0", params={"devices": [DEVICE, "none"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_device")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/query/devices/1"]


@pytest.mark.parametrize("text", ["3-0-0-0", "0-0-0-99", "0-0-0", "0-0-0-0-0", "0", "3-3-3-3"])
def test_a_genome_that_the_space_does_not_have_is_refused(client: Client, text: str) -> None:
    answer = client.get(f"{ADDRESS}/{text}")
    assert (answer.status_code, answer.json()["code"]) == (422, "genome")
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"/path/genome"}


NO_GENOMES = [
    *("-1-0-0-0", "0,0,0,0", "00-0-0-0", "0-0-0-0-", "-", "a-b", "0-0-0-1e1", "0-0-0-٣", "1.0-0-0", "0--0"),
    *("9" * 400, "0-" * 5000),
]


@pytest.mark.parametrize("text", NO_GENOMES)
def test_a_text_that_is_no_genome_is_refused(client: Client, text: str) -> None:
    answer = client.get(f"{ADDRESS}/{text}")
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/path/genome"]


def test_a_space_at_an_address_is_found_or_not(client: Client) -> None:
    assert client.get("/v1/architectures/nowhere/0-0").status_code == 404
    without = client.get("/v1/architectures/fbnet-cifar10/" + "-".join(["0"] * len(load_space("fbnet-cifar10").layers)))
    assert (without.status_code, without.json()["code"]) == (422, "space_without_supernet")


@pytest.mark.parametrize("devices", ["A", "", "x" * 65, "../x"])
def test_a_device_that_cannot_be_a_name_is_refused(client: Client, devices: str) -> None:
    answer = client.get(f"{ADDRESS}/0-0-0-0", params={"devices": devices})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/query/devices/0"]
