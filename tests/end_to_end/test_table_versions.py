"""A search in the queue keeps its tables while newer ones are put and the server is killed and started again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from latency_tables import format_table
from service.settings import default_max_running
from tests.service_world import DEVICE, REQUEST, SPACE, Server, board_table, build_world, running_server

ADDRESS = f"/v1/devices/{DEVICE}/tables/{SPACE}"


def keep_busy(server: Server) -> list[str]:
    """As many long searches as may run at once, so that the next one waits."""
    busy = [server.post(REQUEST | {"population": 60, "generations": 10_000}) for _ in range(default_max_running())]
    for search_id in busy:
        server.wait_for(search_id, "running")
    return busy


def test_a_queued_search_keeps_its_tables_through_a_put_and_a_restart(tmp_path: Path) -> None:
    settings = build_world(tmp_path)
    newer = dataclasses.replace(board_table(), fixed_ms=50.0)
    with running_server(settings) as server:
        busy = keep_busy(server)
        queued = server.post(REQUEST)
        answer = server.client.put(ADDRESS, json=json.loads(format_table(newer)))
        assert answer.status_code == 201, answer.text
        assert server.job(queued)["state"] == "queued"
        for search_id in busy:
            server.client.post(f"/v1/searches/{search_id}/cancel")
        server.kill()
    with running_server(settings) as server:
        job = server.wait_for(queued)
        assert job["state"] == "succeeded", job
        front = server.client.get(job["urls"]["front"]).json()
        assert front["tables"][DEVICE]["sha256"] == board_table().sha256
        assert max(item["latency_ms"][DEVICE]["expected"] for item in front["items"]) < 50.0
        (table,) = server.client.get(f"/v1/devices/{DEVICE}").json()["tables"]
        assert table["sha256"] == newer.sha256
        assert {version["sha256"] for version in table["versions"]} == {board_table().sha256, newer.sha256}


def test_a_search_whose_table_version_was_deleted_fails_and_says_so(tmp_path: Path) -> None:
    settings = build_world(tmp_path)
    newer = dataclasses.replace(board_table(), fixed_ms=50.0)
    with running_server(settings) as server:
        busy = keep_busy(server)
        queued = server.post(REQUEST)
        server.client.put(ADDRESS, json=json.loads(format_table(newer)))
        versions = settings.tables_dir / DEVICE / "versions" / SPACE
        (versions / f"{board_table().sha256}.json").unlink()
        for search_id in busy:
            server.client.post(f"/v1/searches/{search_id}/cancel")
        job = server.wait_for(queued)
        assert (job["state"], job["error"]["code"]) == ("failed", "unknown_table_version")
        assert DEVICE in job["error"]["message"]
