"""What is wrong with the agent's arguments, or around it, is told before anything is downloaded or measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from latency_tables import agent
from tests.agent_backend import PLAN_PATH, Backend, run_agent, uploads

pytestmark = pytest.mark.usefixtures("waits")


def test_a_line_feed_behind_the_token_is_no_part_of_it(backend: Backend) -> None:
    assert run_agent(backend, "--token", "secret\n") == 0
    assert {asked.headers["Authorization"] for asked in backend.asked} == {"Bearer secret"}


@pytest.mark.parametrize("token", ["a\r\nX-Other: 1", "a b", "schlüssel"])
def test_a_token_that_is_none_is_refused(backend: Backend, token: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_agent(backend, "--token", token) == 1
    assert "--token: has characters that no token has" in capsys.readouterr().err
    assert backend.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "host:8000",
        "ftp://host",
        "http://",
        "file:///x",
        "http://host?x=1",
        "http://host#x",
        "",
        "//host",
        "http://[::1",
        "http://host:99999",
        "http://host:0",
        "http://host:port",
        "http://user:secret@host",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(agent.AgentError, match="is no address like"):
        agent.Server(url)


@pytest.mark.parametrize("name", ["../x", "Rpi5", "", "a b", "x" * 65, "ä"])
def test_names_are_checked_before_anything_is_measured(
    backend: Backend, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--server", backend.url, "--device", name, "--space", "tiny"]
    if name:
        assert agent.main(arguments) == 1
        assert "is no safe name" in capsys.readouterr().err
    else:
        with pytest.raises(SystemExit):
            agent.main(arguments)
    assert backend.asked == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--plan", "plan.zip"],
        ["--out", "r.json"],
        ["--upload", "r.json"],
        ["--server", "http://host"],
        ["--server", "http://host", "--device", "rpi5"],
        ["--plan", "plan.zip", "--out", "r.json", "--networks", "20"],
        ["--server", "http://host", "--device", "d", "--space", "s", "--upload", "r.json", "--networks", "20"],
        ["--server", "http://host", "--device", "d", "--space", "s", "--networks", "many"],
    ],
)
def test_arguments_that_do_not_belong_together_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        agent.main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("networks", ["4", "1", "0", "-3"])
def test_too_few_networks_for_few_shot_are_refused(
    backend: Backend, networks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_agent(backend, "--networks", networks)
    assert ended.value.code == 2
    assert f"--networks {networks}: few-shot needs at least 5 networks" in capsys.readouterr().err
    assert backend.asked == []


def test_the_fewest_networks_are_taken(backend: Backend) -> None:
    path = f"{PLAN_PATH}?networks=5"
    backend.replies[path] = backend.replies[PLAN_PATH]
    assert run_agent(backend, "--networks", "5") == 0
    assert backend.asked[0].path == path


def test_a_folder_that_is_not_there_is_told_before_the_measurement(
    backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_agent(backend, "--out", "no/folder/r.json") == 1
    assert "is no folder" in capsys.readouterr().err
    assert backend.asked == []


def test_a_folder_that_cannot_be_written_is_told_before_the_measurement(
    backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".r.json.part").mkdir()
    assert run_agent(backend, "--out", "r.json") == 1
    assert ".r.json.part" in capsys.readouterr().err
    assert uploads(backend) == []


def test_missing_onnxruntime_is_told_before_the_download(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert run_agent(backend) == 1
    assert backend.asked == []
