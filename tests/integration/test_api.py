"""The endpoints with good input, in one process; searches themselves run in `tests/end_to_end`."""

from __future__ import annotations

import io
import json
import math
import time
import zipfile
from collections.abc import Iterator

import pytest
from httpx import Client

from latency_tables import read_plan, write_table
from search import load_space
from service.api.schemas import FrontAnswer
from service.bootstrap import Services
from service.errors import StorageBusyError
from service.storage.database import Database
from tests.service_world import DEVICE, REQUEST, SPACE, TERMINAL, all_genomes, board_table


@pytest.fixture
def quiet(client: Client, services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No search is started: posted ones stay in the queue until the test ends."""
    monkeypatch.setattr(services.lifecycle, "claim", lambda: None)
    yield
    for job in client.get("/v1/searches", params={"state": "queued"}).json()["searches"]:
        services.lifecycle.cancel(job["id"])


def post(client: Client, change: dict | None = None) -> dict:
    answer = client.post("/v1/searches", json=REQUEST | (change or {}))
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/searches/{answer.json()['id']}"
    assert int(answer.headers["Retry-After"]) >= 1
    return answer.json()


def test_spaces_are_listed_with_their_devices(client: Client) -> None:
    spaces = {space["name"]: space for space in client.get("/v1/spaces").json()["spaces"]}
    assert spaces[SPACE]["architectures"] == 81
    assert (spaces[SPACE]["searchable"], spaces["fbnet-cifar10"]["searchable"]) == (True, False)
    assert spaces[SPACE]["devices"] == [DEVICE]
    assert "raspberry-pi-4" in spaces["fbnet-cifar10"]["devices"]


def test_a_space_tells_its_genes_and_its_supernet(client: Client, services: Services) -> None:
    space = client.get(f"/v1/spaces/{SPACE}").json()
    assert [len(gene["choices"]) for gene in space["gene_choices"]] == load_space(SPACE).n_choices.tolist()
    supernet = services.catalogue.entry(SPACE).supernet
    assert supernet is not None
    assert space["supernet_sha256"] == supernet.sha256
    assert space["supernet_card"]["space"] == SPACE


def test_the_measurement_plan_is_read_by_the_agents_reader(client: Client) -> None:
    answer = client.get(f"/v1/spaces/{SPACE}/measurement-plan")
    assert answer.headers["Content-Type"] == "application/zip"
    plan = read_plan(answer.content)
    assert plan.space == SPACE
    assert answer.content == client.get(f"/v1/spaces/{SPACE}/measurement-plan").content


def test_a_device_tells_where_its_numbers_come_from(client: Client) -> None:
    (table,) = client.get(f"/v1/devices/{DEVICE}").json()["tables"]
    assert (table["kind"], table["fixed_ms"]) == ("estimated", 0.5)
    assert table["provenance"]["source"] == "tests"
    assert table["sha256"] == board_table().sha256
    published = client.get("/v1/devices/raspberry-pi-4").json()["tables"]
    assert {table["kind"] for table in published} == {"published"}


def test_a_table_that_comes_later_can_be_used_at_once(client: Client, services: Services, quiet) -> None:
    path = services.settings.tables_dir / "late-board" / f"{SPACE}.json"
    write_table(board_table(device="late-board"), path)
    try:
        assert "late-board" in {device["name"] for device in client.get("/v1/devices").json()["devices"]}
        post(client, {"devices": ["late-board"]})
    finally:
        path.unlink()
    assert client.get("/v1/devices/late-board").status_code == 404


def test_a_damaged_table_that_comes_later_is_listed_with_its_reason(client: Client, services: Services) -> None:
    path = services.settings.tables_dir / "broken-board" / f"{SPACE}.json"
    path.parent.mkdir()
    path.write_text("{")
    (damaged,) = client.get("/v1/devices").json()["damaged_tables"]
    assert damaged["file"] == f"broken-board/{SPACE}.json"
    assert str(services.settings.data_dir) not in damaged["file"]
    path.unlink()


def test_every_architecture_of_the_tiny_space_is_scored_as_it_is(client: Client) -> None:
    space, table = load_space(SPACE), board_table()
    genomes = all_genomes(space)
    request = {"space": SPACE, "genomes": genomes.tolist()}
    scores = client.post("/v1/architectures/score", json=request).json()["scores"]
    assert len(scores) == 81
    for genome, score in zip(genomes, scores, strict=True):
        architecture = space.architecture(genome)
        assert (score["macs"], score["params"]) == (architecture.macs, architecture.params)
        latency = score["latency_ms"][DEVICE]
        assert latency["expected"] == pytest.approx(table.total_ms(architecture.operator_keys))
        assert latency["low"] < latency["expected"] < latency["high"]
        assert score["error_interval"][0] <= score["error"] <= score["error_interval"][1]


def test_ten_thousand_genomes_are_scored(client: Client) -> None:
    request = {"space": SPACE, "devices": [], "genomes": [[0, 0, 0, 0]] * 10_000}
    answer = client.post("/v1/architectures/score", json=request)
    assert answer.status_code == 200
    assert len(answer.json()["scores"]) == 10_000


def test_defaults_are_filled_in_and_the_request_is_kept_as_sent(client: Client, quiet) -> None:
    job = client.post("/v1/searches", json={"space": SPACE, "devices": [DEVICE]}).json()
    assert job["spec"] == {"space": SPACE, "devices": [DEVICE]}
    effective = job["effective_spec"]
    assert (effective["population"], effective["generations"]) == (96, 150)
    assert effective["objectives"] == ["error", "latency_ms"]
    assert effective["seed"] == job["seed"] >= 0
    assert job["state"] == "queued"


def test_an_effective_spec_can_be_posted_again(client: Client, quiet) -> None:
    job = post(client, {"limits": {"latency_ms": {DEVICE: {"max": 1000}}, "params": {"max": 10**9}}})
    again = client.post("/v1/searches", json=job["effective_spec"]).json()
    assert again["effective_spec"] == job["effective_spec"]


def test_seeds_differ_when_none_is_given(client: Client, quiet) -> None:
    request = {"space": SPACE, "devices": [DEVICE]}
    assert len({client.post("/v1/searches", json=request).json()["seed"] for _ in range(5)}) == 5


def test_a_search_is_followed_through_its_urls(client: Client, quiet) -> None:
    job = post(client)
    answer = client.get(job["urls"]["self"])
    assert answer.json() == job
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Retry-After" in answer.headers
    events = client.get(job["urls"]["events"]).json()
    assert [event["kind"] for event in events["events"]] == ["queued"]
    assert client.get(job["urls"]["events"], params={"after": events["next_after"]}).json()["events"] == []


@pytest.mark.parametrize("suffix", ["front", "front.csv", "front.zip", "front/abc", "front/abc/model.onnx"])
def test_the_front_of_an_unfinished_search_conflicts_with_its_state(client: Client, quiet, suffix: str) -> None:
    job = post(client)
    answer = client.get(f"/v1/searches/{job['id']}/{suffix}")
    assert answer.status_code == 409
    content = answer.json()
    assert (content["code"], content["state"], content["allowed_from"]) == ("invalid_state", "queued", ["succeeded"])


def test_a_queued_search_is_cancelled_then_deleted(client: Client, quiet) -> None:
    job = post(client)
    assert client.delete(job["urls"]["self"]).status_code == 409
    assert client.post(job["urls"]["cancel"]).json()["state"] == "cancelled"
    assert client.post(job["urls"]["cancel"]).json()["state"] == "cancelled"
    assert client.get(job["urls"]["front"]).status_code == 409
    assert client.delete(job["urls"]["self"]).status_code == 204
    assert client.get(job["urls"]["self"]).status_code == 404


def test_pages_hold_every_search_once_newest_first(client: Client, quiet) -> None:
    posted = [post(client)["id"] for _ in range(7)]
    seen, token = [], ""
    while True:
        page = client.get("/v1/searches", params={"page_size": 3, "page_token": token}).json()
        seen += [job["id"] for job in page["searches"]]
        token = page["next_page_token"]
        if not token:
            break
        assert len(page["searches"]) == 3
    assert len(set(seen)) == len(seen)
    assert seen[:7] == posted[::-1]


def test_a_page_token_is_for_its_filter_only(client: Client, quiet) -> None:
    for _ in range(2):
        post(client)
    token = client.get("/v1/searches", params={"page_size": 1, "state": "queued"}).json()["next_page_token"]
    assert client.get("/v1/searches", params={"page_token": token}).status_code == 422
    page = client.get("/v1/searches", params={"page_token": token, "state": "queued"}).json()
    assert {job["state"] for job in page["searches"]} == {"queued"}


def test_a_finished_search_gives_its_front_and_all_it_evaluated(client: Client) -> None:
    urls = post(client)["urls"]
    deadline = time.monotonic() + 120
    while (job := client.get(urls["self"]).json())["state"] not in TERMINAL:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (job["state"], job["progress"]["phase"], job["progress"]["fraction"]) == ("succeeded", "done", 1.0)
    front = client.get(urls["front"]).json()
    FrontAnswer.model_validate(front)
    assert "evaluated" not in front
    full = client.get(urls["front"], params={"include": "evaluated"}).json()
    FrontAnswer.model_validate(full)
    cloud = full["evaluated"]
    assert len(cloud["genomes"]) == len(cloud["values"]) == len(cloud["feasible"]) == full["evaluations"]
    assert len(cloud["columns"]) == len(cloud["values"][0]) == 2
    assert front["items"][0]["error"] == pytest.approx(min(values[0] for values in cloud["values"]))
    item = front["items"][0]
    single = client.get(f"{urls['front']}/{item['architecture_id']}").json()
    rows = single.pop("breakdown")[DEVICE]
    assert single.pop("tables") == front["tables"]
    assert single == item
    assert math.fsum(row["latency_ms"] for row in rows) == pytest.approx(item["latency_ms"][DEVICE]["expected"])
    assert client.get(f"{urls['front']}/0000000000000000").status_code == 404


def test_health_and_readiness(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/readyz").status_code == 200

    def busy(_: Database) -> None:
        raise StorageBusyError

    monkeypatch.setattr(Database, "check_writable", busy)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert client.get("/healthz").status_code == 200


def test_a_busy_database_is_told_with_a_time_to_come_back(client: Client, services: Services, monkeypatch) -> None:
    def busy(*_: object) -> None:
        raise StorageBusyError

    monkeypatch.setattr(services.lifecycle, "create", busy)
    answer = client.post("/v1/searches", json=REQUEST)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_busy")
    assert int(answer.headers["Retry-After"]) > 0


def test_metrics_count_requests_by_route_and_searches_by_state(client: Client, quiet) -> None:
    job = post(client)
    client.get(job["urls"]["self"])
    text = client.get("/metrics").text
    assert 'route="/v1/searches/{search_id}"' in text
    assert job["id"] not in text
    assert 'lutnas_searches{state="queued"}' in text


def test_made_up_methods_make_no_metrics_of_their_own(client: Client) -> None:
    for method in ("BREW", "STEEP"):
        assert client.request(method, "/v1/spaces").status_code == 405
    text = client.get("/metrics").text
    assert 'method="other"' in text
    assert "BREW" not in text


def test_the_openapi_document_describes_every_operation(client: Client) -> None:
    document = client.get("/openapi.json").json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) >= 18
    assert all(operation["summary"] and operation["description"] for operation in operations)
    assert "application/problem+json" in json.dumps(document)
    assert client.get("/docs").status_code == 200


def test_a_zip_is_made_piece_by_piece(services: Services) -> None:
    """The parts handed out are never much larger than one network."""
    supernet = services.catalogue.entry(SPACE).supernet
    assert supernet is not None
    architectures = [services.catalogue.entry(SPACE).space.architecture(g) for g in all_genomes(load_space(SPACE))[:5]]
    items = [
        {"architecture_id": a.architecture_id, "genome": list(a.genome), "error": 0.1, "error_interval": [0.1, 0.2]}
        for a in architectures
    ]
    document = {"space": SPACE, "supernet_sha256": supernet.sha256, "items": items}
    parts = list(services.fronts._zip_parts(document, document["items"], {"front.json": b"{}"}))
    largest = max(len(supernet.export(architecture, {})) for architecture in architectures)
    assert max(map(len, parts)) < largest + 1000
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 6
