"""Latency tables over HTTP: put, listed, downloaded, kept as versions, used by searches."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from httpx import Client, Response

import service.table_shelf
from latency_tables import LatencyTable, TableFileError, canonical_json, format_table, parse_table, write_table
from search import load_space
from service.bootstrap import Services
from service.table_upload import MOST_BYTES
from tests.service_world import DEVICE, REQUEST, SPACE, TERMINAL, board_table

JSON = {"Content-Type": "application/json"}


def address(device: str, space: str = SPACE) -> str:
    return f"/v1/devices/{device}/tables/{space}"


def document(table: LatencyTable) -> dict[str, Any]:
    return json.loads(format_table(table))


def slower(table: LatencyTable, fixed_ms: float) -> LatencyTable:
    return dataclasses.replace(table, fixed_ms=fixed_ms)


def emulated(table: LatencyTable) -> LatencyTable:
    return dataclasses.replace(table, provenance=dataclasses.replace(table.provenance, emulated=True))


def put(client: Client, table: LatencyTable) -> Response:
    return client.put(address(table.device, table.space), json=document(table))


def pointers(answer: Response) -> list[str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return [fault["pointer"] for fault in answer.json()["errors"]]


def shown(client: Client, device: str) -> dict[str, Any]:
    (table,) = client.get(f"/v1/devices/{device}").json()["tables"]
    return table


def test_a_table_is_put_shown_and_downloaded(client: Client) -> None:
    table = board_table(device="put-and-get")
    answer = put(client, table)
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["sha256"], said["new_version"], said["kind"]) == (table.sha256, True, "estimated")
    assert answer.headers["Location"] == said["url"]
    downloaded = client.get(said["url"])
    assert parse_table(downloaded.content, "downloaded") == table
    assert downloaded.headers["ETag"] == f'"{table.sha256}"'
    assert client.get(address("put-and-get")).content == downloaded.content
    listed = shown(client, "put-and-get")
    assert (listed["sha256"], listed["emulated"], listed["has_interval"]) == (table.sha256, False, True)
    assert listed["versions"] == [{"sha256": table.sha256, "date": "2026-11-22", "kind": "estimated"}]
    assert "put-and-get" in client.get("/v1/spaces/tiny-cifar10").json()["devices"]


def test_the_same_table_again_changes_nothing(client: Client, services: Services) -> None:
    table = board_table(device="twice")
    assert put(client, table).status_code == 201
    path = services.settings.tables_dir / "twice" / f"{SPACE}.json"
    before = path.stat().st_ino
    again = put(client, table)
    assert (again.status_code, again.json()["new_version"]) == (200, False)
    assert again.headers["Location"].endswith(table.sha256)
    assert path.stat().st_ino == before


def test_versions_are_kept_and_one_of_them_can_come_back(client: Client) -> None:
    first, second = (slower(board_table(device="versions"), ms) for ms in (0.5, 0.75))
    assert [put(client, table).status_code for table in (first, second)] == [201, 201]
    assert shown(client, "versions")["sha256"] == second.sha256
    assert {version["sha256"] for version in shown(client, "versions")["versions"]} == {first.sha256, second.sha256}
    old = client.get(address("versions"), params={"version": first.sha256})
    assert parse_table(old.content, "old") == first
    assert put(client, first).status_code == 200
    assert shown(client, "versions")["sha256"] == first.sha256
    assert len(shown(client, "versions")["versions"]) == 2


def test_a_plain_table_written_by_hand_is_taken(client: Client) -> None:
    table = board_table(device="by-hand")
    rows = document(table)["table"]["operator_ms"]
    answer = client.put(
        address("by-hand"), json={"operator_ms": rows, "fixed_ms": 0.5, "provenance": {"processor": "Cortex-A53"}}
    )
    assert answer.status_code == 201, answer.text
    codes = {warning["code"] for warning in answer.json()["warnings"]}
    assert codes == {"no_honesty", "no_interval", "threads_unknown"}
    provenance = shown(client, "by-hand")["provenance"]
    assert (provenance["processor"], provenance["runtime"], provenance["threads"]) == ("Cortex-A53", "unknown", None)
    assert provenance["kind"] == "published"
    stored = parse_table(client.get(address("by-hand")).content, "stored")
    assert stored.operator_ms == table.operator_ms


def test_faults_of_a_plain_table_point_into_what_was_sent(client: Client) -> None:
    rows = document(board_table())["table"]["operator_ms"]
    gone, zero = sorted(rows)[:2]
    answer = client.put(
        address("by-hand-2"), json={"operator_ms": {**{k: rows[k] for k in rows if k != gone}, zero: 0}, "fixed_ms": -1}
    )
    assert set(pointers(answer)) == {"/fixed_ms", f"/operator_ms/{gone}", f"/operator_ms/{zero}"}
    assert answer.json()["code"] == "invalid_table"


def test_every_missing_operator_is_named_up_to_twenty(client: Client) -> None:
    space = load_space("fbnet-cifar10")
    first = space.operators()[0].operator_key
    answer = client.put(address("few-rows", space.name), json={"operator_ms": {str(first): 1.0}, "fixed_ms": 1.0})
    assert answer.json()["code"] == "missing_operator"
    assert answer.json()["errors_total"] == len(space.operators()) - 1
    expected = [f"/operator_ms/{block.operator_key}" for block in space.operators()[1:21]]
    assert pointers(answer) == expected


def test_rows_of_other_spaces_may_be_in_a_table(client: Client) -> None:
    rows = document(board_table())["table"]["operator_ms"]
    strange = "winograd in=1x2x3 out=4x5x6 kernel=3"
    answer = client.put(address("more-rows"), json={"operator_ms": rows | {strange: 0.25}, "fixed_ms": 0.5})
    assert answer.status_code == 201, answer.text
    assert answer.json()["operators"] == len(rows) + 1


def test_the_sha256_may_be_of_integers_as_another_program_writes_them(client: Client) -> None:
    table = slower(board_table(device="integers"), 1.0)
    content = document(table)["table"] | {"fixed_ms": 1}
    stated = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    assert stated != table.sha256
    for sha256 in (stated, table.sha256):
        body = {"format": "lutnas-latency-table/2", "sha256": sha256, "table": content}
        answer = client.put(address("integers"), json=body)
        assert answer.status_code in (200, 201), answer.text
        assert answer.json()["sha256"] == table.sha256


def test_a_wrong_sha256_is_told_with_both(client: Client) -> None:
    table = board_table(device="wrong-hash")
    answer = client.put(address("wrong-hash"), json=document(table) | {"sha256": "0" * 64})
    assert (answer.status_code, answer.json()["code"]) == (422, "sha256_mismatch")
    assert pointers(answer) == ["/sha256"]
    assert "0" * 64 in answer.text
    assert table.sha256 in answer.text


@pytest.mark.parametrize(
    "device",
    ["con", "nul", "aux.txt", "com1", "a..b", "a.", "..", "UPPER", "-a", "a b", "%2e%2e", "..%2f..%2fx", "x" * 65],
)
def test_unsafe_names_are_refused(client: Client, services: Services, device: str) -> None:
    before = set(services.settings.data_dir.rglob("*"))
    answer = client.put(f"/v1/devices/{device}/tables/{SPACE}", json=document(board_table()))
    assert answer.status_code in (404, 405, 422), answer.text
    if answer.status_code == 422:
        assert pointers(answer) == ["/path/device"]
    assert set(services.settings.data_dir.rglob("*")) == before


def test_an_unknown_space_is_not_found(client: Client) -> None:
    answer = client.put(address("any", "resnet"), json=document(board_table()))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert SPACE in answer.json()["detail"]


@pytest.mark.parametrize("version", ["0" * 64, "../../x", "abc", "A" * 64, ""])
def test_versions_that_are_not_there_are_not_found(client: Client, version: str) -> None:
    answer = client.get(address(DEVICE), params={"version": version})
    if version == "0" * 64:
        assert answer.status_code == 404
    else:
        assert answer.status_code == 422
        assert pointers(answer) == ["/query/version"]


@pytest.mark.parametrize("place", ["/v1/devices/none/tables/tiny-cifar10", "/v1/devices/test-board/tables/none"])
def test_tables_that_are_not_there_are_not_found(client: Client, place: str) -> None:
    assert client.get(place).status_code == 404


def test_a_shipped_table_can_be_downloaded_by_its_version(client: Client) -> None:
    answer = client.get(address("raspberry-pi-4", "fbnet-cifar10"))
    table = parse_table(answer.content, "shipped")
    again = client.get(address("raspberry-pi-4", "fbnet-cifar10"), params={"version": table.sha256})
    assert again.content == answer.content


def test_tables_may_be_longer_than_other_requests_but_not_endless(client: Client) -> None:
    table = board_table(device="long")
    rows = {f"other in=1x1x{n} out=1x1x1 dilation=1 groups=1 kernel=3": 0.5 for n in range(19_000)}
    body = json.dumps({"operator_ms": document(table)["table"]["operator_ms"] | rows, "fixed_ms": 0.5})
    assert len(body) > 1_000_000
    assert client.put(address("long"), content=body, headers=JSON).status_code == 201
    too_long = body[:-1] + " " * MOST_BYTES + "}"
    answer = client.put(address("long"), content=too_long, headers=JSON)
    assert (answer.status_code, pointers(answer)) == (413, [""])
    assert str(MOST_BYTES) in answer.json()["detail"]


def test_a_table_whose_file_would_be_too_long_is_refused(client: Client, services: Services) -> None:
    """A number takes two bytes in the body, and a line in the file."""
    rows = document(board_table())["table"]["operator_ms"]
    rows |= {f"other in=1x1x{n} out=1x1x1 kernel=3": 0.5 for n in range(2000)}
    uncertainty = {"factor": [[0] * 450] * (1 + len(rows)), "noise": 0.1, "quantile": 1.6}
    body = json.dumps({"operator_ms": rows, "fixed_ms": 0.5, "uncertainty": uncertainty}, separators=(",", ":"))
    assert len(body) < MOST_BYTES // 2
    answer = client.put(address("wide"), content=body, headers=JSON)
    assert (answer.status_code, pointers(answer)) == (413, [""])
    assert not (services.settings.tables_dir / "wide").exists()


@pytest.mark.parametrize("kind", ["text/plain", "", "application/zip", "multipart/form-data; boundary=x"])
def test_other_content_types_are_refused(client: Client, kind: str) -> None:
    answer = client.put(address("typed"), content=b"{}", headers={"Content-Type": kind})
    assert (answer.status_code, pointers(answer)) == (415, [""])


@pytest.mark.parametrize(
    ("code", "status", "words"), [(errno.ENOSPC, 503, "disk is full"), (errno.EACCES, 503, "cannot be written")]
)
def test_a_disk_that_fails_loses_nothing(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch, code: int, status: int, words: str
) -> None:
    """The version is written, the present table is not: both stay as they were."""
    first, second = (slower(board_table(device=f"full-{code}"), ms) for ms in (0.5, 0.75))
    assert put(client, first).status_code == 201
    folder = services.settings.tables_dir / f"full-{code}"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def fail(table: LatencyTable, path: Path) -> None:
        if path.parent == folder:
            raise TableFileError(str(path), "cannot be written") from OSError(code, os.strerror(code))
        write_table(table, path)

    monkeypatch.setattr(service.table_shelf, "write_table", fail)
    answer = put(client, second)
    assert answer.status_code == status
    assert answer.headers["Retry-After"] == "5"
    assert words in answer.json()["detail"]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    monkeypatch.undo()
    assert put(client, second).status_code == 201


def finished(client: Client, request: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/v1/searches", json=request)
    assert answer.status_code == 202, answer.text
    url = answer.headers["Location"]
    deadline = time.monotonic() + 120
    while (job := client.get(url).json())["state"] not in TERMINAL:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return job


def front(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    return client.get(job["urls"]["front"]).json()


def test_a_search_names_the_version_of_its_tables_and_an_older_one_may_be_asked_for(client: Client) -> None:
    first, second = (slower(board_table(device="searched"), ms) for ms in (0.5, 9.5))
    for table in (first, second):
        put(client, table)
    request = REQUEST | {"devices": ["searched"]}
    present = finished(client, request)
    assert present["effective_spec"]["tables"] == {"searched": second.sha256}
    assert "tables" not in present["spec"]
    older = finished(client, request | {"tables": {"searched": first.sha256}})
    assert [front(client, job)["tables"]["searched"]["sha256"] for job in (present, older)] == [
        second.sha256,
        first.sha256,
    ]
    fastest = [
        min(item["latency_ms"]["searched"]["expected"] for item in front(client, job)["items"])
        for job in (present, older)
    ]
    assert fastest[0] - fastest[1] == pytest.approx(9.0)


def test_a_version_that_is_not_here_is_refused(client: Client) -> None:
    answer = client.post("/v1/searches", json=REQUEST | {"tables": {DEVICE: "0" * 64}})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_table_version")
    assert pointers(answer) == [f"/tables/{DEVICE}"]


@pytest.mark.parametrize(
    ("tables", "place"),
    [({"abacus": "0" * 64}, "/tables"), ({DEVICE: "../../x"}, f"/tables/{DEVICE}"), ({DEVICE: 5}, f"/tables/{DEVICE}")],
)
def test_versions_of_the_wrong_form_are_refused(client: Client, tables: dict[str, Any], place: str) -> None:
    answer = client.post("/v1/searches", json=REQUEST | {"tables": tables})
    assert answer.status_code == 422
    assert pointers(answer) == [place]


def test_a_table_of_an_emulated_processor_is_shown_and_must_be_forced(client: Client) -> None:
    answer = put(client, emulated(board_table(device="qemu")))
    assert answer.json()["emulated"] is True
    assert "emulated" in [warning["code"] for warning in answer.json()["warnings"]]
    assert shown(client, "qemu")["emulated"] is True
    request = REQUEST | {"devices": [DEVICE, "qemu"]}
    refused = client.post("/v1/searches", json=request)
    assert (refused.status_code, refused.json()["code"]) == (422, "emulated_table")
    assert pointers(refused) == ["/devices/1"]
    assert "allow_emulated" in refused.json()["detail"]
    assert finished(client, request | {"allow_emulated": True})["state"] == "succeeded"


def test_an_emulated_processor_is_scored_only_when_forced(client: Client) -> None:
    put(client, emulated(board_table(device="qemu-scored")))
    request = {"space": SPACE, "genomes": [[0, 0, 0, 0]], "devices": ["qemu-scored"]}
    refused = client.post("/v1/architectures/score", json=request)
    assert (refused.status_code, refused.json()["code"]) == (422, "emulated_table")
    assert pointers(refused) == ["/devices/0"]
    forced = client.post("/v1/architectures/score", json=request | {"allow_emulated": True})
    assert set(forced.json()["scores"][0]["latency_ms"]) == {"qemu-scored"}
    everything = client.post("/v1/architectures/score", json={"space": SPACE, "genomes": [[0, 0, 0, 0]]})
    assert "qemu-scored" not in everything.json()["scores"][0]["latency_ms"]


def test_the_openapi_document_describes_the_bodies(client: Client) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/devices/{device}/tables/{space}"]["put"]
    body = operation["requestBody"]["content"]["application/json"]
    assert {"200", "201", "4XX", "5XX"} <= set(operation["responses"])
    titles = [schema["title"] for schema in body["schema"]["anyOf"]]
    assert len(titles) == 3
    assert "$ref" not in json.dumps(body)
    assert "illiseconds" in body["schema"]["anyOf"][1]["properties"]["operator_ms"]["description"]
    assert set(body["examples"]) == {"by hand", "document"}


def test_a_chain_of_pairs_that_takes_less_than_no_time_is_refused(client: Client) -> None:
    """Each pair takes exactly no time, so that only the whole network tells."""
    table = board_table(device="less-than-nothing")
    rows = document(table)["table"]["operator_ms"]
    pairs = {f"{first} -> {second}": -(rows[first] + rows[second]) for first in rows for second in rows}
    body = {"operator_ms": rows, "fixed_ms": 0.01, "neighbour_ms": pairs}
    answer = client.put(address("less-than-nothing"), json=body)
    assert answer.status_code == 422, answer.text
    assert pointers(answer)[0] == "/neighbour_ms"
    assert answer.json()["errors"][0]["code"] == "implausible_network"
    assert "The fastest network of tiny-cifar10 would take -" in answer.json()["errors"][0]["detail"]
    assert client.get("/v1/devices/less-than-nothing").status_code == 404


def test_no_two_shapes_of_answers_share_a_name(client: Client) -> None:
    names = client.get("/openapi.json").json()["components"]["schemas"]
    assert [name for name in names if "__" in name] == []
