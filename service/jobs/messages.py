"""What a search's child process tells the worker, and how it crosses the pipe: JSON lines and raw bytes, no pickles.

Child to worker: `progress`, `file` (followed by the file's bytes), and at the end one of `done`, `failed`, `cancelled`.
Worker to child: `CANCEL`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

from service.job import JobError, Progress

CANCEL = b"cancel"


@dataclass(frozen=True)
class ResultFile:
    """One file of a result."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Done:
    """The search has ended well; all its files have been sent.

    `reason` says what ended it before its last generation.
    """

    front_size: int
    reason: str | None = None


@dataclass(frozen=True)
class Cancelled:
    """The search has stopped because it was told to."""


Message = Progress | ResultFile | Done | JobError | Cancelled


def send(connection: Connection[Any, Any], message: Message) -> None:
    """Send one message.

    Raises:
        OSError: the other side is gone.
    """
    if isinstance(message, ResultFile):
        connection.send_bytes(_line("file", {"name": message.name}))
        connection.send_bytes(message.content)
        return
    kinds = {Progress: "progress", Done: "done", JobError: "failed", Cancelled: "cancelled"}
    connection.send_bytes(_line(kinds[type(message)], asdict(message)))


def receive(connection: Connection[Any, Any]) -> Message:
    """Wait for the next message.

    Raises:
        EOFError: the other side is gone.
        OSError: as EOFError, in the middle of a message.
    """
    content = json.loads(connection.recv_bytes())
    kind = content.pop("kind")
    if kind == "file":
        return ResultFile(content["name"], connection.recv_bytes())
    makers = {"progress": Progress, "done": Done, "failed": JobError, "cancelled": Cancelled}
    message: Message = makers[kind](**content)
    return message


def _line(kind: str, content: Mapping[str, Any]) -> bytes:
    return json.dumps({"kind": kind, **content}).encode()
