"""What the agent measured, put: the server makes the table, or says where the result is wrong."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from httpx import Client, Response

from latency_tables import MeasurementPlan, read_plan
from service.bootstrap import Services
from service.short_queue import ShortQueue
from tests.agent_result import Result, result_of
from tests.service_world import DEVICE, SPACE


def address(device: str) -> str:
    return f"/v1/devices/{device}/tables/{SPACE}"


def plan_of(client: Client, networks: int | None = None) -> MeasurementPlan:
    query = {} if networks is None else {"networks": networks}
    return read_plan(client.get(f"/v1/spaces/{SPACE}/measurement-plan", params=query).content)


@pytest.fixture(scope="module")
def result(client: Client) -> Result:
    return result_of(plan_of(client))


def put(client: Client, device: str, result: Result) -> Response:
    return client.put(address(device), json=result)


def pointers(answer: Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [fault["pointer"] for fault in answer.json()["errors"]]


def test_a_measurement_becomes_a_table_with_honesty_figures(client: Client, result: Result) -> None:
    answer = put(client, "measured", result)
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert said["kind"] == "measured"
    assert said["honesty"]["within_10"] == 1.0
    (table,) = client.get("/v1/devices/measured").json()["tables"]
    assert table["honesty"] == said["honesty"]
    assert len(table["honesty"]["predicted_ms"]) == table["honesty"]["networks"]
    assert table["has_interval"]
    assert put(client, "measured", result).status_code == 200


def test_the_table_that_the_server_made_can_be_put_to_another(client: Client, result: Result) -> None:
    put(client, "measured-2", result)
    again = client.put(address("measured-2"), json=client.get(address("measured-2")).json())
    assert (again.status_code, again.json()["new_version"]) == (200, False)


def test_a_table_with_operators_that_cost_nearly_nothing_can_be_put_again(client: Client, result: Result) -> None:
    """Networks that all take the same time leave nothing for many operators; their rows are still above 0."""
    flat = copy.deepcopy(result)
    rng = np.random.default_rng(1)
    for name, entry in flat["entries"].items():
        if name.startswith("network"):
            ms = float(rng.uniform(0.5, 1.5))
            entry |= {"ms": ms, "first_half_ms": ms, "second_half_ms": ms}
    assert put(client, "flat", flat).status_code == 201
    document = client.get(address("flat")).json()
    assert min(document["table"]["operator_ms"].values()) == 1e-6
    assert client.put(address("flat"), json=document).status_code == 200


def test_a_few_networks_are_enough_where_other_devices_are_known(client: Client) -> None:
    plan = plan_of(client, 10)
    assert [entry.role for entry in plan.entries] == ["network"] * 10
    answer = put(client, "few-shot", result_of(plan, scale=3.0))
    assert answer.status_code == 201, answer.text
    request = {"space": SPACE, "genomes": [[0, 0, 0, 0], [1, 1, 1, 1]], "devices": [DEVICE, "few-shot"]}
    for score in client.post("/v1/architectures/score", json=request).json()["scores"]:
        few_shot, known = (score["latency_ms"][name]["expected"] for name in ("few-shot", DEVICE))
        assert few_shot / known == pytest.approx(3.0, rel=0.1)
    again = client.put(address("few-shot"), json=client.get(address("few-shot")).json())
    assert again.status_code == 200, again.text


@pytest.mark.parametrize("networks", ["0", "301", "x", "-1", "1.5", ""])
def test_plans_of_other_sizes_are_refused(client: Client, networks: str) -> None:
    answer = client.get(f"/v1/spaces/{SPACE}/measurement-plan", params={"networks": networks})
    assert pointers(answer) == ["/query/networks"]


def test_drift_and_emulation_are_told(client: Client, result: Result) -> None:
    drift = {"sentinels": ["operator-000"], "turns": 3, "thirds": [1.0, 1.1, 1.3], "slow_down": 0.3}
    machine = result["machine"] | {"emulated": True, "emulation": "qemu"}
    said = put(client, "hot-qemu", result | {"drift": drift, "machine": machine}).json()
    assert said["emulated"] is True
    assert {"emulated", "drift"} <= {warning["code"] for warning in said["warnings"]}


def changed(name: str, value: object) -> Callable[[Result], None]:
    def change(result: Result) -> None:
        result[name] = value

    return change


def dropped(name: str) -> Callable[[Result], None]:
    def change(result: Result) -> None:
        del result[name]

    return change


def cell(field: str, value: object) -> Callable[[Result], None]:
    def change(result: Result) -> None:
        result["entries"]["network-003"][field] = value

    return change


def scaled(factor: float) -> Callable[[Result], None]:
    def change(result: Result) -> None:
        for entry in result["entries"].values():
            for field in ("ms", "first_half_ms", "second_half_ms"):
                entry[field] *= factor

    return change


def machine(field: str, value: object) -> Callable[[Result], None]:
    def change(result: Result) -> None:
        result["machine"][field] = value

    return change


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (changed("format", "lutnas-measurement/1"), "/format"),
        (changed("format", "lutnas-measurement/" + "x" * 5000), "/format"),
        (changed("plan_sha256", "0" * 64), "/plan_sha256"),
        (changed("plan_sha256", 5), "/plan_sha256"),
        (changed("space", "fbnet-cifar10"), "/space"),
        (changed("space", None), "/space"),
        (changed("plan_recipe", {"kind": "few-shot", "networks": 10}), "/plan_sha256"),
        (changed("plan_recipe", {"kind": "few-shot", "networks": 5000}), "/plan_recipe/networks"),
        (changed("plan_recipe", {"kind": "few-shot", "networks": 10**9}), "/plan_recipe/networks"),
        (changed("plan_recipe", {"kind": "any", "networks": 10}), "/plan_recipe/kind"),
        (changed("plan_recipe", "full"), "/plan_recipe"),
        (changed("entries", {}), "/entries"),
        (changed("entries", []), "/entries"),
        (changed("date", "yesterday"), "/date"),
        (changed("threads", 0), "/threads"),
        (changed("owner", "me"), "/owner"),
        (dropped("machine"), "/machine"),
        (dropped("statistic"), "/statistic"),
        (cell("ms", 0), "/entries/network-003/ms"),
        (cell("ms", -1.0), "/entries/network-003/ms"),
        (cell("ms", "1"), "/entries/network-003/ms"),
        (cell("ms", 1e300), "/entries/network-003/ms"),
        (cell("ms", 1e-9), "/entries/network-003"),
        (cell("runs", 0), "/entries/network-003/runs"),
        (cell("unit", "s"), "/entries/network-003/unit"),
        (machine("processor", "\x1b[2Jgone"), "/machine"),
        (machine("emulated", "no"), "/machine/emulated"),
        (scaled(1e-6), "/entries"),
        (scaled(3e4), "/entries"),
    ],
)
def test_a_wrong_result_is_refused_where_it_is_wrong(
    client: Client, services: Services, result: Result, change: Callable[[Result], None], place: str
) -> None:
    wrong = copy.deepcopy(result)
    change(wrong)
    assert place in pointers(put(client, "wrong-result", wrong))
    assert not (services.settings.tables_dir / "wrong-result").exists()


def test_models_that_are_missing_or_too_many_are_named(client: Client, result: Result) -> None:
    entries = dict(result["entries"])
    entries["network-999"] = entries.pop("network-000")
    answer = put(client, "wrong-models", result | {"entries": entries})
    assert pointers(answer) == ["/entries/network-000", "/entries/network-999"]


@pytest.mark.parametrize("seed", range(8))
def test_nonsense_times_are_a_table_or_a_refusal_and_never_a_crash(client: Client, result: Result, seed: int) -> None:
    rng = np.random.default_rng(seed)
    wild = copy.deepcopy(result)
    for entry in wild["entries"].values():
        ms = float(10 ** rng.uniform(-7, 5.7)) if seed < 4 else float(rng.choice([1e-300, 1.0, 6e5]))
        entry |= {"ms": ms, "first_half_ms": ms, "second_half_ms": ms}
    answer = put(client, f"wild-{seed}", wild)
    assert answer.status_code in (200, 201, 422), answer.text
    json.loads(answer.text)


def test_other_requests_are_answered_while_a_table_is_made(client: Client, result: Result) -> None:
    answers = []
    upload = threading.Thread(target=lambda: answers.append(put(client, "slow-upload", result)))
    upload.start()
    assert client.get("/healthz").status_code == 200
    upload.join(60)
    assert [answer.status_code for answer in answers] == [201]


def test_measurements_that_would_wait_too_long_are_to_come_again(
    client: Client, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is being made and one waits: the others are told at once, and everybody else is answered."""
    queue, answers = ShortQueue(2, 60.0), []
    monkeypatch.setattr("service.api.device_tables._MEASUREMENTS", queue)
    waiting = threading.Thread(target=lambda: answers.append(put(client, "crowd-first", result)))
    with queue.turn():
        waiting.start()
        while queue._places._value:
            assert waiting.is_alive()
            time.sleep(0.001)
        crowd = [put(client, f"crowd-{number}", result) for number in range(3)]
        assert client.get("/healthz").status_code == 200
    waiting.join(60)
    assert [answer.status_code for answer in answers] == [201]
    for answer in crowd:
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "measurements_busy"
    assert client.get("/v1/devices/crowd-0").status_code == 404


def test_other_threads_than_those_of_the_table_before_are_told(client: Client, result: Result) -> None:
    first = put(client, "two-threads", result).json()
    second = put(client, "two-threads", result | {"threads": 2}).json()
    again = put(client, "two-threads", result | {"threads": 2}).json()
    codes = [{warning["code"] for warning in said["warnings"]} for said in (first, second, again)]
    assert ["threads_changed" in found for found in codes] == [False, True, False]
    (words,) = [warning["detail"] for warning in second["warnings"] if warning["code"] == "threads_changed"]
    assert "of 2 thread(s), the one that it replaces was of 1" in words
