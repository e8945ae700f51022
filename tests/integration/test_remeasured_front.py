"""A front that was measured again, as the API hands it out: both figures, rows that sum, and what became of it."""

from __future__ import annotations

import math
import multiprocessing
from dataclasses import replace

import pytest
from httpx import Client

from latency_tables import write_table
from service.api.schemas import FrontAnswer, FrontNetworkAnswer
from service.bootstrap import Services
from service.jobs.lifecycle import Lifecycle
from service.jobs.messages import Done, ResultFile, receive
from service.jobs.order import make_order
from service.jobs.remeasure import Effort
from service.jobs.runner import _outcome
from tests.service_world import DEVICE, REQUEST, SPACE, local_table

WISH = REQUEST | {"devices": ["local-cpu", DEVICE], "remeasure": True}


@pytest.fixture
def front_url(client: Client, services: Services, monkeypatch: pytest.MonkeyPatch) -> str:
    """A search that this process runs in the worker's place, with as few rounds as there can be."""
    monkeypatch.setattr("service.jobs.remeasure.EFFORT", Effort(budget_s=0.01))
    monkeypatch.setattr(services.lifecycle, "claim", lambda: None)
    write_table(local_table(), services.settings.tables_dir / "local-cpu" / f"{SPACE}.json")
    answer = client.post("/v1/searches", json=WISH)
    assert answer.status_code == 202, answer.text
    job = Lifecycle.claim(services.lifecycle)
    assert job is not None
    ours, theirs = multiprocessing.Pipe()
    end = _outcome(make_order(services.settings, services.catalogue, job), theirs)
    assert isinstance(end, Done)
    files = []
    while ours.poll():
        message = receive(ours)
        if isinstance(message, ResultFile):
            files.append(services.files.write(job.id, message.name, message.content))
    services.lifecycle.succeed(job.id, job.attempt, files, end.front_size)
    return str(answer.json()["urls"]["front"])


def test_a_front_tells_what_became_of_it(client: Client, front_url: str) -> None:
    front = client.get(front_url).json()
    FrontAnswer.model_validate(front)
    told = front["remeasured"]
    assert told["networks"] == told["of"] == len(front["items"])
    assert list(told["devices"]) == ["local-cpu"]
    stayed = [item["non_dominated_after_remeasure"] for item in front["items"]]
    assert told["still_non_dominated"] == pytest.approx(sum(stayed) / len(stayed))
    for name in ("repeat_still_non_dominated", "within_noise", "repeat_within_noise"):
        assert 0 <= told[name] <= 1
    header = client.get(f"{front_url}.csv").text.splitlines()[0]
    assert "remeasured_ms:local-cpu,repeated_ms:local-cpu,remeasured_rank,genome" in header

    item = front["items"][0]
    single = client.get(f"{front_url}/{item['architecture_id']}").json()
    FrontNetworkAnswer.model_validate(single)
    assert item.items() <= single.items()
    assert single["tables"] == front["tables"]
    for device in ("local-cpu", DEVICE):
        total = math.fsum(row["latency_ms"] for row in single["breakdown"][device])
        assert total == pytest.approx(item["latency_ms"][device]["expected"], abs=1e-9)


def test_rows_are_those_of_the_table_that_the_search_used(client: Client, services: Services, front_url: str) -> None:
    """Another measurement of the device changes what is scored, not what was found."""
    front = client.get(front_url).json()
    address = f"{front_url}/{front['items'][0]['architecture_id']}"
    before = client.get(address).json()
    table = local_table()
    doubled = replace(table, operator_ms={key: 2 * ms for key, ms in table.operator_ms.items()})
    write_table(doubled, services.settings.tables_dir / "local-cpu" / f"{SPACE}.json")
    assert client.get(address).json() == before
    genome = "-".join(map(str, before["genome"]))
    now = client.get(f"/v1/architectures/{SPACE}/{genome}").json()
    assert now["latency_ms"]["local-cpu"]["expected"] > before["latency_ms"]["local-cpu"]["expected"]
    assert now["tables"]["local-cpu"]["sha256"] != before["tables"]["local-cpu"]["sha256"]
    assert now["breakdown"][DEVICE] == before["breakdown"][DEVICE]
