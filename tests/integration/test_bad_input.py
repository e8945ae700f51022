"""Every kind of bad request: a problem document that says what, where and what to do, and no search made."""

from __future__ import annotations

import json

import pytest
from httpx import Client, Response

from service.catalogue import Catalogue
from tests.service_world import DEVICE, REQUEST, SPACE

JSON = {"Content-Type": "application/json"}


def post(client: Client, change: dict) -> Response:
    return client.post("/v1/searches", json=REQUEST | change)


def problem(answer: Response, status: int, code: str) -> dict:
    """The problem document of an answer, its form checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    content = answer.json()
    assert (content["status"], content["code"]) == (status, code)
    assert content["type"].endswith(code)
    assert len(content["detail"]) > 20
    assert answer.headers["X-Request-Id"] == content["request_id"]
    assert len(content.get("errors", [])) <= 20
    return content


def pointers(content: dict) -> list[str]:
    return [fault["pointer"] for fault in content["errors"]]


@pytest.fixture(autouse=True)
def no_search_is_made(client: Client):
    before = client.get("/v1/searches").json()["searches"]
    yield
    assert client.get("/v1/searches").json()["searches"] == before


def test_an_unknown_space_lists_the_known_ones(client: Client) -> None:
    content = problem(post(client, {"space": "resnet"}), 422, "unknown_space")
    assert pointers(content) == ["/space"]
    assert SPACE in content["detail"]
    assert SPACE in content["known"]


def test_an_unknown_device_lists_the_known_ones(client: Client) -> None:
    content = problem(post(client, {"devices": [DEVICE, "abacus"]}), 422, "missing_table")
    assert pointers(content) == ["/devices/1"]
    assert DEVICE in content["detail"]


def test_a_device_without_a_table_for_the_space_is_refused(client: Client) -> None:
    names = {device["name"] for device in client.get("/v1/devices").json()["devices"]}
    assert "raspberry-pi-4" in names
    content = problem(post(client, {"devices": ["raspberry-pi-4"]}), 422, "missing_table")
    assert SPACE in content["detail"]


def test_a_space_without_a_supernet_is_refused(client: Client) -> None:
    content = problem(post(client, {"space": "fbnet-cifar10"}), 422, "space_without_supernet")
    assert SPACE in content["detail"]


def test_an_unknown_objective_lists_the_known_ones(client: Client) -> None:
    content = problem(post(client, {"objectives": ["error", "flops"]}), 422, "unknown_objective")
    assert pointers(content) == ["/objectives/1"]
    assert "macs" in content["detail"]


def test_an_unknown_objective_in_the_limits_lists_the_known_ones(client: Client) -> None:
    content = problem(post(client, {"limits": {"flops": {"max": 1}}}), 422, "invalid_request")
    assert pointers(content) == ["/limits/flops"]
    assert "macs" in content["errors"][0]["detail"]


def test_an_impossible_limit_names_the_best_reachable_value(client: Client) -> None:
    limits = {"latency_ms": {DEVICE: {"max": 0.001}}, "params": {"max": 5}}
    content = problem(post(client, {"limits": limits}), 422, "limit")
    assert set(pointers(content)) == {f"/limits/latency_ms/{DEVICE}/max", "/limits/params/max"}
    assert content["best_reachable"] > content["requested"]
    again = {"latency_ms": {DEVICE: {"max": content["best_reachable"]}}}
    if f"{DEVICE}/max" in content["errors"][0]["pointer"]:
        assert problem(post(client, {"limits": again | {"params": {"max": 5}}}), 422, "limit")["errors_total"] == 1


def test_limits_that_contradict_are_refused(client: Client) -> None:
    content = problem(post(client, {"limits": {"params": {"min": 100_000, "max": 10}}}), 422, "limit")
    assert pointers(content)[0].startswith("/limits/params")
    assert "contradicts" in content["detail"]


def test_a_limit_on_a_device_that_is_not_searched_for_is_refused(client: Client) -> None:
    content = problem(post(client, {"limits": {"latency_ms": {"abacus": {"max": 9}}}}), 422, "missing_table")
    assert pointers(content) == ["/limits/latency_ms/abacus"]


@pytest.mark.parametrize("name", ["population", "generations"])
@pytest.mark.parametrize("value", [0, -5, 10**12, 10**300, 1.5, "10", None, True, []])
def test_absurd_sizes_are_refused(client: Client, name: str, value: object) -> None:
    assert pointers(problem(post(client, {name: value}), 422, "invalid_request")) == [f"/{name}"]


def test_too_many_evaluations_are_refused(client: Client) -> None:
    problem(post(client, {"population": 2000, "generations": 10_000}), 422, "search_size")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000])
def test_numbers_that_are_none_are_refused(client: Client, number: str) -> None:
    text = json.dumps(REQUEST | {"limits": {"params": {"max": 12345}}}).replace("12345", number)
    content = problem(client.post("/v1/searches", content=text, headers=JSON), 400, "malformed_json")
    assert "9" * 50 not in content["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b'{"space": ',
        b'{"space": "a", "space": "b"}',
        b'{"space": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"space": "\xff"}',
        b"[" * 50_000,
        b'{"a":' * 50_000,
    ],
)
def test_bodies_that_are_no_sound_json_are_refused(client: Client, body: bytes) -> None:
    problem(client.post("/v1/searches", content=body, headers=JSON), 400, "malformed_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"text"', b"{}"])
def test_json_of_another_form_is_refused(client: Client, body: bytes) -> None:
    problem(client.post("/v1/searches", content=body, headers=JSON), 422, "invalid_request")


def test_an_empty_body_is_refused(client: Client) -> None:
    problem(client.post("/v1/searches", headers=JSON), 422, "invalid_request")


def test_extra_fields_list_the_known_ones(client: Client) -> None:
    content = problem(post(client, {"owner": "me", "state": "succeeded"}), 422, "invalid_request")
    assert pointers(content) == ["/owner", "/state"]
    assert "population" in content["errors"][0]["detail"]


def test_wrong_types_are_all_named_at_once(client: Client) -> None:
    wrong = {"space": 5, "devices": "pi", "objectives": {}, "seed": "x", "population": [], "limits": 3}
    assert len(pointers(problem(post(client, wrong), 422, "invalid_request"))) == 6


def test_at_most_twenty_faults_are_listed(client: Client) -> None:
    content = problem(post(client, {f"extra{n}": n for n in range(50)}), 422, "invalid_request")
    assert (len(content["errors"]), content["errors_total"]) == (20, 50)


@pytest.mark.parametrize("secret", ["<script>alert(1)</script>", "hunter2\r\nSet-Cookie: a=b"])
def test_input_is_never_repeated(client: Client, secret: str) -> None:
    answer = post(client, {"space": secret, secret: 1, "devices": [secret], "limits": {secret: {"max": 1}}})
    assert secret not in answer.text
    assert "<script>" not in answer.text
    problem(answer, 422, "invalid_request")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_other_content_types_are_refused(client: Client, headers: dict[str, str]) -> None:
    body = json.dumps(REQUEST).encode()
    problem(client.post("/v1/searches", content=body, headers=headers), 415, "unsupported_media_type")


def test_a_body_over_the_limit_is_refused(client: Client) -> None:
    body = b'{"space": "' + b"a" * 1_000_000 + b'"}'
    content = problem(client.post("/v1/searches", content=body, headers=JSON), 413, "body_too_large")
    assert "1000000" in content["detail"]


def test_a_body_without_length_is_counted_while_it_comes(client: Client) -> None:
    taken = []

    def endless():
        for number in range(1000):
            taken.append(number)
            yield b"a" * 10_000

    problem(client.post("/v1/searches", content=endless(), headers=JSON), 413, "body_too_large")


@pytest.mark.parametrize(
    ("genomes", "places"),
    [
        ([[0, 0, 0]], ["/genomes/0"]),
        ([[0, 0, 0, 0], [0, 0, 0, 0, 0]], ["/genomes/1"]),
        ([[0, 0, 0, 0], [0, 0, 0, 99]], ["/genomes/1/3"]),
        ([[9, 0, 0, 9], [0, 0, 0, 0], [0]], ["/genomes/0/0", "/genomes/0/3", "/genomes/2"]),
        ([[0]] * 30, [f"/genomes/{row}" for row in range(20)]),
    ],
)
def test_genomes_that_are_not_of_the_space_are_refused(client: Client, genomes: list, places: list[str]) -> None:
    answer = client.post("/v1/architectures/score", json={"space": SPACE, "genomes": genomes})
    assert pointers(problem(answer, 422, "genome")) == places


@pytest.mark.parametrize(
    ("genomes", "place"),
    [
        ([[0, 0, 0, -1]], "/genomes/0/3"),
        ([[0, 0, 0, 0.5]], "/genomes/0/3"),
        ([[0, 0, 0, "0"]], "/genomes/0/3"),
        ([], "/genomes"),
        (5, "/genomes"),
        ([[0, 0, 0, 0]] * 10_001, "/genomes"),
    ],
)
def test_genomes_of_the_wrong_form_are_refused(client: Client, genomes: object, place: str) -> None:
    answer = client.post("/v1/architectures/score", json={"space": SPACE, "genomes": genomes})
    assert pointers(problem(answer, 422, "invalid_request")) == [place]


def test_scoring_on_an_unknown_device_lists_the_known_ones(client: Client) -> None:
    request = {"space": SPACE, "genomes": [[0, 0, 0, 0]], "devices": ["abacus"]}
    content = problem(client.post("/v1/architectures/score", json=request), 422, "unknown_device")
    assert content["known"] == [DEVICE]


@pytest.mark.parametrize(
    "path",
    ["", "/front", "/front.csv", "/front.zip", "/events", "/front/abc", "/front/abc/model.onnx"],
)
@pytest.mark.parametrize("search_id", ["srch_unknown", "..%2f..%2fetc%2fpasswd", "%00", "x" * 60])
def test_an_unknown_search_is_not_found(client: Client, path: str, search_id: str) -> None:
    problem(client.get(f"/v1/searches/{search_id}{path}"), 404, "not_found")


def test_unknown_searches_are_neither_cancelled_nor_deleted(client: Client) -> None:
    problem(client.post("/v1/searches/srch_unknown/cancel"), 404, "not_found")
    problem(client.delete("/v1/searches/srch_unknown"), 404, "not_found")


@pytest.mark.parametrize(
    "path", ["/v1/spaces/none", "/v1/devices/none", "/v1/spaces/none/measurement-plan", "/nothing"]
)
def test_other_unknown_things_are_not_found(client: Client, path: str) -> None:
    problem(client.get(path), 404, "not_found")


def test_a_wrong_method_names_the_right_ones(client: Client) -> None:
    answer = client.put("/v1/searches", json={})
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("page_size=-1", "/query/page_size"),
        ("page_size=x", "/query/page_size"),
        ("state=dancing", "/query/state"),
    ],
)
def test_wrong_queries_are_refused(client: Client, query: str, place: str) -> None:
    assert pointers(problem(client.get(f"/v1/searches?{query}"), 422, "invalid_request")) == [place]


def test_a_made_up_page_token_is_refused(client: Client) -> None:
    problem(client.get("/v1/searches?page_token=abc"), 422, "invalid_page_token")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "128.0.0.1:8000"},
        {"Host": "["},
    ],
)
def test_browser_pages_of_other_sites_are_kept_out(client: Client, headers: dict[str, str]) -> None:
    problem(client.get("/v1/spaces", headers=headers), 403, "origin_refused")


def test_pages_of_this_machine_are_let_in(client: Client) -> None:
    for headers in ({"Origin": "http://localhost:3000"}, {"Host": "localhost:8000"}, {"Host": "[::1]:8000"}):
        assert client.get("/v1/spaces", headers=headers).status_code == 200
    assert client.get("/v1/spaces", headers={"Host": "127.8.8.8:8000"}).status_code == 200


def test_a_request_id_of_the_client_is_kept_when_it_is_harmless(client: Client) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert client.get("/healthz", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"] != "a b"


def test_a_fault_of_ours_is_told_without_its_inside(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(Catalogue, "tables_for", explode)
    answer = client.get("/v1/spaces")
    problem(answer, 500, "internal_error")
    assert "secret" not in answer.text
