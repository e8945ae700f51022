"""Stand-ins for what a search's process runs; at the top of a module, so that spawned processes can import them."""

from __future__ import annotations

import os
import signal
import time

from service.job import JobError, Progress
from service.jobs.messages import Cancelled, Done, ResultFile, send


def succeed(_order: str, connection) -> None:
    send(connection, Progress("evolving", 2, 5, 16, 0.5, 3))
    send(connection, ResultFile("front.json", b'{"items": []}'))
    send(connection, Done(3))


def fail(_order: str, connection) -> None:
    send(connection, JobError("no_feasible_candidate", "None keeps all limits.", "/limits"))


def die(_order: str, _connection) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop_when_told(_order: str, connection) -> None:
    connection.recv_bytes()
    send(connection, Cancelled())


def never_listen(_order: str, connection) -> None:
    send(connection, Progress("evolving", 1, 5))
    time.sleep(600)
