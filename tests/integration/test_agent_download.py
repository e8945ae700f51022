"""The service hands out the agent that belongs to its plans."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from httpx import Client

from latency_tables import agent


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
