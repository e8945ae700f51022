"""Worst case, stop criteria and warm start through the API: posted, run in this process, and told."""

from __future__ import annotations

import csv
import io
import multiprocessing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx import Client

from latency_tables import write_table
from service.api.schemas import FrontAnswer, JobAnswer
from service.bootstrap import Services
from service.jobs.lifecycle import Lifecycle
from service.jobs.messages import Done, Progress, ResultFile, receive
from service.jobs.order import make_order
from service.jobs.runner import _outcome
from tests.service_world import DEVICE, REQUEST, SPACE, board_table

SLOW = "slow-board"
BOTH = {"devices": [DEVICE, SLOW]}
Run = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def quiet(client: Client, services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worker starts nothing, and there is a second board."""
    monkeypatch.setattr(services.lifecycle, "claim", lambda: None)
    write_table(board_table(device=SLOW), services.settings.tables_dir / SLOW / f"{SPACE}.json")
    yield
    for job in client.get("/v1/searches", params={"state": "queued"}).json()["searches"]:
        services.lifecycle.cancel(job["id"])


@pytest.fixture
def run(client: Client, services: Services) -> Run:
    """Post a search, run it in the worker's place, and get it."""

    def post_and_run(**wish: object) -> dict[str, Any]:
        answer = client.post("/v1/searches", json=REQUEST | wish)
        assert answer.status_code == 202, answer.text
        job = Lifecycle.claim(services.lifecycle)
        assert job is not None
        ours, theirs = multiprocessing.Pipe()
        end = _outcome(make_order(services.settings, services.catalogue, job), theirs)
        assert isinstance(end, Done), end
        files = []
        while ours.poll():
            message = receive(ours)
            if isinstance(message, ResultFile):
                files.append(services.files.write(job.id, message.name, message.content))
            if isinstance(message, Progress):
                services.lifecycle.progress(job.id, job.attempt, message)
        services.lifecycle.succeed(job.id, job.attempt, files, end.front_size, end.reason)
        told: dict[str, Any] = client.get(answer.json()["urls"]["self"]).json()
        JobAnswer.model_validate(told)
        return told

    return post_and_run


def front_of(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    front: dict[str, Any] = client.get(job["urls"]["front"]).json()
    FrontAnswer.model_validate(front)
    return front


def genomes_of(front: dict[str, Any]) -> list[list[int]]:
    return [item["genome"] for item in front["items"]]


def refused(client: Client, wish: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Code and detail of each fault, by pointer."""
    answer = client.post("/v1/searches", json=REQUEST | wish)
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    return {fault["pointer"]: (fault["code"], fault["detail"]) for fault in answer.json()["errors"]}


def test_the_worst_case_of_two_devices_is_one_column(client: Client, run: Run) -> None:
    front = front_of(client, run(**BOTH, objectives=["error", "latency_ms:worst"]))
    assert front["columns"] == ["error", "latency_ms:worst"]
    for item in front["items"]:
        assert set(item["latency_ms"]) == {DEVICE, SLOW}
        worst = max(told["expected"] for told in item["latency_ms"].values())
        assert item["objectives"] == pytest.approx({"error": item["error"], "latency_ms:worst": worst})


def test_each_device_counts_by_its_own_limit(client: Client, run: Run) -> None:
    limits = {"latency_ms": {DEVICE: {"max": 1.2}, SLOW: {"max": 1.1}}}
    job = run(**BOTH, objectives=["error", "latency_share:worst"], limits=limits)
    front = client.get(job["urls"]["front"], params={"include": "evaluated"}).json()
    assert front["columns"] == ["error", "latency_share:worst"]
    assert front["items"]
    for item in front["items"]:
        latency = {device: told["expected"] for device, told in item["latency_ms"].items()}
        assert latency[SLOW] <= 1.1
        row = front["evaluated"]["genomes"].index(item["genome"])
        assert front["evaluated"]["values"][row][1] == pytest.approx(max(latency[DEVICE] / 1.2, latency[SLOW] / 1.1))
        assert list(item["objectives"].values()) == front["evaluated"]["values"][row]
    lines = list(csv.DictReader(io.StringIO(client.get(job["urls"]["front_csv"]).text)))
    assert [float(line["latency_share:worst"]) for line in lines] == [
        item["objectives"]["latency_share:worst"] for item in front["items"]
    ]
    one = client.get(f"{job['urls']['front']}/{lines[0]['architecture_id']}").json()
    assert one["objectives"] == front["items"][0]["objectives"]


def test_one_device_is_minimised_and_the_other_only_limited(client: Client, run: Run) -> None:
    limits = {"latency_ms": {SLOW: {"max": 1.0}}}
    front = front_of(client, run(**BOTH, objectives=["error", f"latency_ms:{DEVICE}"], limits=limits))
    assert front["columns"] == ["error", f"latency_ms:{DEVICE}"]
    assert all(item["latency_ms"][SLOW]["expected"] <= 1.0 for item in front["items"])


@pytest.mark.parametrize(
    ("wish", "pointer", "code", "words"),
    [
        ({"objectives": ["error", "latency_share:worst"]}, "/objectives/1", "choice", "limits.latency_ms"),
        ({"objectives": ["error", "latency_ms:toaster"]}, "/objectives/1", "choice", "none of the search's devices"),
        ({"objectives": ["error", "macs:worst"]}, "/objectives/1", "unknown_objective", "latency_share:worst"),
        ({"objectives": ["error", "latency_ms:a:b"]}, "/objectives/1", "string_pattern_mismatch", "one colon"),
        ({"objectives": ["error", "latency_ms:"]}, "/objectives/1", "string_pattern_mismatch", "one colon"),
        ({"objectives": ["error", "macs", "params", "latency_ms"]}, "/objectives", "choice", "at most 4"),
        ({"objectives": ["latency_ms:worst"], "remeasure": True}, "/remeasure", "remeasure_without_latency", "Needs"),
    ],
)
def test_objectives_that_make_no_sense_are_refused(client: Client, wish, pointer: str, code: str, words: str) -> None:
    faults = refused(client, BOTH | wish)
    assert faults[pointer][0] == code
    assert words in faults[pointer][1]


def test_limits_that_exclude_each_other_are_refused_when_posted(client: Client) -> None:
    limits = {"params": {"min": 11_000}, "latency_ms": {DEVICE: {"max": 0.9}}}
    faults = refused(client, {"limits": limits})
    assert faults["/limits"][0] == "joint_limits"
    closest = client.post("/v1/searches", json=REQUEST | {"limits": limits}).json()["closest"]
    assert set(closest) == {"params", f"latency_ms:{DEVICE}"}
    assert "The closest that was tried has" in faults["/limits"][1]


@pytest.mark.parametrize(
    ("stop", "stopped_by", "reason"),
    [
        ({"candidates": 20}, "candidates", "stop.candidates"),
        ({"seconds": 0.001}, "seconds", "stop.seconds"),
        ({"stagnation_generations": 1, "candidates": 1000}, "stagnation", "stop.stagnation_generations"),
        ({"candidates": 1000}, "space_exhausted", "every network of the space has been evaluated"),
        ({}, "generations", None),
    ],
    ids=["candidates", "seconds", "stagnation", "exhausted", "none"],
)
def test_a_search_tells_what_ended_it(client: Client, run: Run, stop, stopped_by: str, reason: str | None) -> None:
    wish = {
        "stagnation": {"objectives": ["macs"]},
        "space_exhausted": {"generations": 90},
        "seconds": {"population": 40},
    }
    job = run(stop=stop, **wish.get(stopped_by, {}))
    front = front_of(client, job)
    assert front["stopped_by"] == stopped_by
    made = len(front["history"])
    assert job["state_reason"] == (reason and f"ended after generation {made}: {reason}")
    assert (job["progress"]["generation"], job["progress"]["fraction"]) == (made, 1.0)
    assert job["progress"]["evaluations"] == front["evaluations"] == front["history"][-1]["evaluations"]
    assert front["hypervolume"] == front["history"][-1]["hypervolume"]
    assert [row["generation"] for row in front["history"]] == list(range(1, made + 1))


@pytest.mark.parametrize(
    ("stop", "pointer", "code"),
    [
        ({"candidates": 0}, "/stop/candidates", "greater_than_equal"),
        ({"candidates": 1.5}, "/stop/candidates", "int_type"),
        ({"candidates": True}, "/stop/candidates", "int_type"),
        ({"seconds": 0}, "/stop/seconds", "greater_than_equal"),
        ({"seconds": "60"}, "/stop/seconds", "float_type"),
        ({"seconds": 1e9}, "/stop/seconds", "less_than_equal"),
        ({"stagnation_generations": -1}, "/stop/stagnation_generations", "greater_than_equal"),
        ({"evaluations": 5}, "/stop/evaluations", "unknown_field"),
        ([], "/stop", "model_attributes_type"),
        (None, "/stop", "model_attributes_type"),
    ],
)
def test_stop_criteria_that_are_wrong_are_refused(client: Client, stop, pointer: str, code: str) -> None:
    assert refused(client, {"stop": stop})[pointer][0] == code


def test_a_search_starts_from_earlier_fronts_and_outlives_them(client: Client, run: Run) -> None:
    earlier = [run(seed=seed, generations=3) for seed in (1, 2)]
    given = {tuple(genome) for job in earlier for genome in genomes_of(front_of(client, job))}
    wish = {"start_from": [job["id"] for job in earlier], "seed": 7, "population": 40, "generations": 1}
    job = run(**wish)
    assert job["spec"]["start_from"] == wish["start_from"]
    assert "start_from" not in job["effective_spec"]
    assert {tuple(genome) for genome in job["effective_spec"]["start_genomes"]} == given
    full = client.get(job["urls"]["front"], params={"include": "evaluated"}).json()
    assert given <= set(map(tuple, full["evaluated"]["genomes"]))
    for gone in earlier:
        assert client.delete(gone["urls"]["self"]).status_code == 204
    again = run(**job["effective_spec"])
    assert front_of(client, again)["items"] == [
        {**item, "model_url": item["model_url"].replace(job["id"], again["id"])} for item in full["items"]
    ]


def test_the_best_spread_networks_are_taken_where_not_all_fit(client: Client, run: Run) -> None:
    earlier = run(generations=8)
    front = genomes_of(front_of(client, earlier))
    job = run(start_from=[earlier["id"]], population=8)
    taken = job["effective_spec"]["start_genomes"]
    assert len(front) > len(taken) == 6
    assert front[0] in taken
    assert front[-1] in taken


def test_given_genomes_come_first(client: Client, run: Run) -> None:
    earlier = run(generations=2)
    job = run(start_from=[earlier["id"]], start_genomes=[[2, 2, 2, 2]], population=40)
    assert job["effective_spec"]["start_genomes"][0] == [2, 2, 2, 2]
    assert len(job["effective_spec"]["start_genomes"]) > 1


def test_earlier_searches_that_do_not_serve_are_told_all_at_once(client: Client, run: Run, services: Services) -> None:
    good, deleted = run()["id"], run()["id"]
    client.delete(f"/v1/searches/{deleted}")
    queued = client.post("/v1/searches", json=REQUEST).json()["id"]
    faults = refused(client, {"start_from": [good, queued, deleted, "srch_nosuchsearch"]})
    assert {pointer: code for pointer, (code, _) in faults.items()} == {
        "/start_from/1": "search_not_succeeded",
        "/start_from/2": "unknown_search",
        "/start_from/3": "unknown_search",
    }
    assert "is queued" in faults["/start_from/1"][1]
    assert "Wait until it has succeeded" in faults["/start_from/1"][1]


def test_nobody_is_told_to_wait_for_a_search_that_has_ended(client: Client) -> None:
    cancelled = client.post("/v1/searches", json=REQUEST).json()
    assert client.post(cancelled["urls"]["cancel"]).is_success
    code, words = refused(client, {"start_from": [cancelled["id"]]})["/start_from/0"]
    assert code == "search_not_succeeded"
    assert "is cancelled" in words
    assert "Wait" not in words
    assert "leave it out. GET /v1/searches?state=succeeded" in words


def test_a_search_of_another_space_does_not_serve(client: Client, run: Run, services: Services, monkeypatch) -> None:
    earlier = run()["id"]
    real = services.fronts.document
    monkeypatch.setattr(type(services.fronts), "document", lambda _, search_id: real(search_id) | {"space": "other"})
    assert refused(client, {"start_from": [earlier]})["/start_from/0"][0] == "search_of_another_space"


@pytest.mark.parametrize("genome", [[0, 0, 0], [0, 0, 0, 3]])
def test_a_search_of_an_earlier_definition_of_its_space_does_not_serve(
    client: Client, run: Run, services: Services, monkeypatch, genome: list[int]
) -> None:
    earlier = run()["id"]
    real = services.fronts.document
    items = [{"genome": [0, 0, 0, 0]}, {"genome": genome}]
    monkeypatch.setattr(type(services.fronts), "document", lambda _, search_id: real(search_id) | {"items": items})
    code, words = refused(client, {"start_from": [earlier]})["/start_from/0"]
    assert code == "search_of_another_space"
    assert "earlier definition" in words


@pytest.mark.parametrize(
    ("wish", "pointer", "code"),
    [
        ({"start_from": []}, "/start_from", "too_short"),
        ({"start_from": ["srch_a"] * 9}, "/start_from", "too_long"),
        ({"start_from": "srch_a"}, "/start_from", "list_type"),
        ({"start_from": ["../../etc"]}, "/start_from/0", "string_pattern_mismatch"),
        ({"start_from": [7]}, "/start_from/0", "string_type"),
        ({"start_from": ["srch_aa", "srch_aa"]}, "/start_from", "named_twice"),
        ({"start_genomes": [[0, 0, 0]]}, "/start_genomes/0", "choice"),
        ({"start_genomes": [[0, 0, 0, 0], [0, 0, 0, 3]]}, "/start_genomes/1/3", "choice"),
        ({"start_genomes": [[0, 0, 0, -1]]}, "/start_genomes/0/3", "greater_than_equal"),
        ({"start_genomes": [[0, 0, 0, 0.0]]}, "/start_genomes/0/3", "int_type"),
        ({"start_genomes": [[0, 0, 0, 0]] * 201}, "/start_genomes", "too_long"),
    ],
)
def test_starts_that_are_wrong_are_refused(client: Client, wish, pointer: str, code: str) -> None:
    assert refused(client, wish)[pointer][0] == code


def test_the_contract_describes_the_options(client: Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    fields = schemas["SearchRequest"]["properties"]
    for name in ("stop", "start_from", "start_genomes", "objectives"):
        assert fields[name].get("description") or "$ref" in str(fields[name]), name
    assert "latency_share:worst" in fields["objectives"]["description"]
    for name, field in schemas["StopCriteria"]["properties"].items():
        assert field["description"], name
    assert "latency_share as a fraction" in schemas["FrontItemAnswer"]["properties"]["objectives"]["description"]
    assert {"stopped_by", "history"} <= set(schemas["FrontAnswer"]["properties"])
