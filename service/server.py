"""Runs the application under uvicorn (called by `cli.py`): checks before, one line when ready, a quick end."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable

import uvicorn

from service.app import create_app
from service.bootstrap import build_services
from service.errors import HostRefusedError, PortInUseError, PortRefusedError, StartError
from service.loopback import is_loopback
from service.settings import Settings

_GRACEFUL_SHUTDOWN_S = 5


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl+C; running searches go back into the queue and resume at the next start.

    Raises:
        StartError: host refused, port in use, data folder or database not usable.
        SearchError, LatencyTableError: a file of the catalogue is damaged.
    """
    if not settings.allow_remote:
        check_loopback(settings.host)
    listener = open_listener(settings.host, settings.port)
    with listener:
        say("lutnas loads its spaces, supernets and tables ...")
        services = build_services(settings)
        config = uvicorn.Config(
            create_app(services),
            lifespan="on",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_GRACEFUL_SHUTDOWN_S,
            server_header=False,
        )
        host, port = listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        ready = f"lutnas is ready on {url} (documentation: {url}/docs, data: {settings.data_dir}). Ctrl+C stops it."
        _AnnouncingServer(config, lambda: say(ready)).run(sockets=[listener])


class _AnnouncingServer(uvicorn.Server):
    """Says that it is ready when it is, so that scripts can wait for the line."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._announce()


def check_loopback(host: str) -> None:
    """Refuse a host that other machines reach.

    Raises:
        HostRefusedError: it is no loopback address.
    """
    if not is_loopback(host):
        raise HostRefusedError(host)


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        PortInUseError: another program listens there.
        PortRefusedError: this user may not listen there.
        HostRefusedError: this machine has no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise _listen_error(error, host, port) from error
    return listener


def _listen_error(error: OSError, host: str, port: int) -> StartError:
    if isinstance(error, PermissionError):
        return PortRefusedError(host, port)
    return PortInUseError(host, port) if error.errno == errno.EADDRINUSE else HostRefusedError(host)
