"""The agent against a server that helps, that is busy, that refuses, and that sends elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from latency_tables import MeasurementPlan, agent, read_measurement, write_plan
from tests.agent_backend import ADDRESS, HONESTY, PLAN_PATH, TABLE_PATH, Backend, Reply, problem, run_agent, uploads

pytestmark = pytest.mark.usefixtures("waits")


def test_one_command_measures_the_servers_plan_and_uploads_the_result(
    backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_agent(backend, "--token", "secret") == 0
    (put,) = uploads(backend)
    assert put.path == TABLE_PATH
    assert put.headers["Content-Type"] == "application/json"
    document = json.loads(put.body)
    assert document["format"] == agent.FORMAT
    assert set(document["entries"]) == {"conv-4", "conv-8", "conv-16"}
    assert Path("lutnas-rpi5-tiny.json").read_bytes() == put.body
    assert [asked.headers["Authorization"] for asked in backend.asked] == ["Bearer secret"] * 2
    out = capsys.readouterr().out
    assert "The table on 60 networks that a fit did not see: mean error 1.2%, within 5 % 95.0%" in out
    assert "Kendall tau 0.971" in out
    assert "interval" not in out
    assert [path.name for path in Path().iterdir()] == ["lutnas-rpi5-tiny.json"]


def test_the_token_may_come_from_the_environment(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTNAS_TOKEN", "from-env")
    assert run_agent(backend) == 0
    assert {asked.headers["Authorization"] for asked in backend.asked} == {"Bearer from-env"}


def test_without_a_token_no_authorization_is_sent(backend: Backend) -> None:
    assert run_agent(backend) == 0
    assert not any("Authorization" in asked.headers for asked in backend.asked)


def test_few_shot_asks_for_so_many_networks(backend: Backend) -> None:
    backend.replies[f"{PLAN_PATH}?networks=20"] = backend.replies[PLAN_PATH]
    assert run_agent(backend, "--networks", "20") == 0
    assert backend.asked[0].path == f"{PLAN_PATH}?networks=20"


def test_a_plan_at_hand_is_not_downloaded(backend: Backend, plan: MeasurementPlan) -> None:
    Path("plan.zip").write_bytes(write_plan(plan))
    assert run_agent(backend, "--plan", "plan.zip") == 0
    assert [asked.method for asked in backend.asked] == ["PUT"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(backend: Backend, waits: list[float], status: int) -> None:
    backend.replies[PLAN_PATH].insert(0, Reply(status))
    backend.replies[TABLE_PATH][:0] = [Reply(status, headers={"Retry-After": "7"}), Reply(status)]
    assert run_agent(backend) == 0
    assert waits == [1.0, 7.0, 2.0]
    assert len({put.body for put in uploads(backend)}) == 1


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("-4", 0.0), (formatdate(1030, usegmt=True), 30.0), ("soon", None), (None, None)],
)
def test_retry_after_is_a_number_or_a_date(
    retry_after: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent.time, "time", lambda: 1000.0)
    assert agent._retry_after_s(retry_after) == seconds


def test_a_server_that_stays_busy_is_given_up_and_the_result_is_kept(
    backend: Backend, waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    backend.replies[TABLE_PATH] = [Reply(503)]
    assert run_agent(backend) == 3
    assert len(uploads(backend)) == agent.ATTEMPTS
    assert waits == [1.0, 2.0, 4.0, 8.0]
    errors = capsys.readouterr().err
    assert "answers 503 Service Unavailable. Try again later." in errors
    assert "--upload lutnas-rpi5-tiny.json --server" in errors
    assert read_measurement(Path("lutnas-rpi5-tiny.json"))["space"] == "tiny"


def test_a_server_that_wants_an_hour_is_not_waited_for(backend: Backend, waits: list[float]) -> None:
    backend.replies[PLAN_PATH] = [Reply(503, headers={"Retry-After": "3600"})]
    assert run_agent(backend) == 1
    assert waits == []


def test_a_refused_connection_is_tried_again_and_then_told(
    make_backend: Callable[[], Backend], waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    closed = make_backend()
    url = closed.url
    closed.http.server_close()
    assert agent.main(["--server", url, *ADDRESS]) == 1
    assert waits == [1.0, 2.0, 4.0, 8.0]
    errors = capsys.readouterr().err
    assert f"agent: {url}: {url} cannot be reached" in errors
    assert "Connection refused" in errors


def test_a_result_can_be_uploaded_later(backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    backend.replies[TABLE_PATH] = [Reply(503, headers={"Retry-After": "999"}), Reply(200, b"not JSON")]
    assert run_agent(backend) == 3
    backend.asked.clear()
    assert agent.main(["--upload", "lutnas-rpi5-tiny.json", "--server", backend.url, *ADDRESS]) == 0
    assert [asked.method for asked in backend.asked] == ["PUT"]
    assert json.loads(backend.asked[0].body)["format"] == agent.FORMAT
    assert "has stored the table" in capsys.readouterr().out


def test_what_the_server_refuses_is_told_with_every_fault(backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    faults = [{"pointer": f"/entries/{number}", "detail": "is negative."} for number in range(30)]
    faults[3]["pointer"] = ""  # the whole body, of which `detail` tells
    backend.replies[TABLE_PATH] = [Reply(422, problem("30 things are wrong.", errors=[*faults, "odd"]))]
    assert run_agent(backend) == 3
    errors = capsys.readouterr().err
    assert "answers 422: 30 things are wrong." in errors
    assert "/entries/19: is negative." in errors
    assert "/entries/20" not in errors
    assert errors.count("is negative.") == 19
    assert len(uploads(backend)) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail": null}', b'{"errors": 7}', b"\xff"])
def test_a_refusal_without_a_problem_document_is_told_too(
    backend: Backend, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.replies[PLAN_PATH] = [Reply(401, body)]
    assert run_agent(backend) == 1
    assert "answers 401" in capsys.readouterr().err


def test_nothing_is_measured_when_the_server_has_no_such_space(
    backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent.main(["--server", backend.url, "--device", "rpi5", "--space", "other"]) == 1
    assert "answers 404: Nothing here." in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_a_redirect_on_the_same_host_keeps_the_token(backend: Backend) -> None:
    backend.replies["/moved"] = backend.replies[PLAN_PATH]
    backend.replies[PLAN_PATH] = [Reply(302, headers={"Location": "/moved"})]
    assert run_agent(backend, "--token", "secret") == 0
    assert [asked.headers["Authorization"] for asked in backend.asked] == ["Bearer secret"] * 3


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_another_host_or_port_never_gets_the_token(
    backend: Backend, make_backend: Callable[[], Backend], host: str
) -> None:
    other = make_backend()
    other.replies = {"/moved": backend.replies[PLAN_PATH]}
    elsewhere = other.url.replace("127.0.0.1", host) + "/moved"
    backend.replies[PLAN_PATH] = [Reply(302, headers={"Location": elsewhere})]
    assert run_agent(backend, "--token", "secret") == 0
    (asked,) = other.asked
    assert "Authorization" not in asked.headers
    assert "secret" not in str(asked)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_an_upload_is_not_sent_elsewhere(
    backend: Backend, make_backend: Callable[[], Backend], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_backend()
    backend.replies[TABLE_PATH] = [Reply(status, headers={"Location": f"{other.url}/x"})]
    assert run_agent(backend, "--token", "secret") == 3
    assert other.asked == []
    assert f"sends elsewhere: {other.url}/x" in capsys.readouterr().err


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_away_from_http_is_refused(backend: Backend, location: str) -> None:
    backend.replies[PLAN_PATH] = [Reply(302, headers={"Location": location})]
    assert run_agent(backend) == 1


def test_a_plan_cut_short_is_asked_for_again(backend: Backend, waits: list[float]) -> None:
    whole = backend.replies[PLAN_PATH][0]
    short = Reply(200, whole.body[:100], {"Content-Length": str(len(whole.body))})
    backend.replies[PLAN_PATH] = [short, whole]
    assert run_agent(backend) == 0
    assert waits == [1.0]


def test_a_plan_too_large_is_refused(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "LARGEST_PLAN_BYTES", 100)
    assert run_agent(backend) == 1


def test_a_certificate_that_is_not_trusted_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise agent.urllib.error.URLError(agent.ssl.SSLCertVerificationError("self-signed certificate"))

    monkeypatch.setattr(agent.urllib.request.OpenerDirector, "open", refuse)
    assert agent.main(["--server", "https://board.local", *ADDRESS]) == 1
    assert "has no certificate that this device trusts" in capsys.readouterr().err
    assert waits == []


@pytest.mark.parametrize("answer", [{}, {"honesty": None}, {"honesty": []}, {"honesty": 7, "warnings": "odd"}])
def test_an_answer_without_figures_is_no_fault(answer: dict[str, Any]) -> None:
    assert agent._answer_lines(answer) == ["The server has stored the table; it has no figures on held-out networks."]


def test_figures_and_warnings_of_the_server_are_told() -> None:
    warned = [{"code": "clock", "detail": "The clock is unknown."}, "odd"]
    line, warning = agent._answer_lines({"honesty": HONESTY, "warnings": warned})
    assert "mean error 1.2%" in line
    assert warning == "Warning: The clock is unknown."
