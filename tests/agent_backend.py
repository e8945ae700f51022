"""A real HTTP server with scripted answers, for tests of the agent."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from latency_tables import agent

ADDRESS = ("--device", "rpi5", "--space", "tiny")
PLAN_PATH = "/v1/spaces/tiny/measurement-plan"
TABLE_PATH = "/v1/devices/rpi5/tables/tiny"
HONESTY = {
    "networks": 60, "mape": 0.0123, "within_5": 0.95, "within_10": 1.0, "kendall_tau": 0.971,
    "interval_coverage": None, "repeatability_mape": 0.009,
}  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """One answer of the server."""

    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request that the server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Backend:
    """A real HTTP server with scripted answers: the last one of a path is repeated."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.asked: list[Asked] = []
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                backend.asked.append(Asked(self.command, self.path, dict(self.headers), body))
                queue = backend.replies.get(self.path, [Reply(404, problem("Nothing here."))])
                reply = queue.pop(0) if len(queue) > 1 else queue[0]
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def do_PUT(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def problem(detail: str, **more: Any) -> bytes:
    return json.dumps({"status": 422, "title": "Unprocessable", "detail": detail, **more}).encode()


def run_agent(backend: Backend, *more: str) -> int:
    """The agent's exit code: plan from the backend, a very short measurement, upload."""
    return agent.main(["--server", backend.url, *ADDRESS, "--budget-s", "0.01", *more])


def uploads(backend: Backend) -> list[Asked]:
    """The PUT requests that it got."""
    return [asked for asked in backend.asked if asked.method == "PUT"]
