"""The service hands out the agent that belongs to its plans, and takes what it measured."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from httpx import Client

from latency_tables import agent
from tests.service_world import SPACE


def test_the_agent_is_handed_out_as_it_is(client: Client) -> None:
    answer = client.get("/agent.py")
    assert answer.status_code == 200
    assert answer.content == Path(agent.__file__).read_bytes()
    assert answer.headers["Content-Type"].startswith("text/x-python")
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert 'filename="agent.py"' in answer.headers["Content-Disposition"]


def test_what_was_downloaded_runs_alone(client: Client, tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_bytes(client.get("/agent.py").content)
    done = subprocess.run(
        [sys.executable, "-I", "agent.py", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "--server" in done.stdout


def measured_by(client: Client, device: str, folder: Path, *more: str) -> int:
    arguments = [
        "--server",
        str(client.base_url),
        "--device",
        device,
        "--space",
        SPACE,
        "--out",
        str(folder / "r.json"),
    ]
    return agent.main([*arguments, "--budget-s", "0.1", *more])


def test_a_board_joins_with_one_command(client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measured_by(client, "new-board", tmp_path) == 0
    assert "networks that a fit did not see: mean error" in capsys.readouterr().out
    (table,) = client.get("/v1/devices/new-board").json()["tables"]
    result = json.loads((tmp_path / "r.json").read_text())
    assert table["provenance"]["date"] == result["date"]
    assert table["provenance"]["statistic"] == agent.STATISTIC
    assert result["plan_recipe"] == {"kind": "full", "networks": 330}


def test_a_board_joins_with_few_networks(client: Client, tmp_path: Path) -> None:
    assert measured_by(client, "few-shot-board", tmp_path, "--networks", "10") == 0
    (table,) = client.get("/v1/devices/few-shot-board").json()["tables"]
    result = json.loads((tmp_path / "r.json").read_text())
    assert (result["plan_recipe"], len(result["entries"])) == ({"kind": "few-shot", "networks": 10}, 10)
    assert table["operators"] > 0


def test_what_the_service_refuses_is_told_and_kept(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measured_by(client, "new-board", tmp_path, "--networks", "10") == 0
    result = json.loads((tmp_path / "r.json").read_text())
    result["entries"]["network-003"]["ms"] = -1.0
    (tmp_path / "bad.json").write_text(json.dumps(result))
    assert measured_by(client, "bad-board", tmp_path, "--upload", str(tmp_path / "bad.json")) == 3
    errors = capsys.readouterr().err
    assert "answers 422" in errors
    assert "/entries/network-003/ms" in errors
    assert client.get("/v1/devices/bad-board").status_code == 404


@pytest.mark.parametrize("networks", ["0", "-1", "301", "many", "1e9", ""])
def test_a_number_of_networks_that_no_plan_has_is_refused(client: Client, networks: str) -> None:
    answer = client.get(f"/v1/spaces/{SPACE}/measurement-plan", params={"networks": networks})
    assert answer.status_code == 422
    assert answer.json()["errors"]
