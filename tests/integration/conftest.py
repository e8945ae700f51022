"""The whole application in this process, on the tiny world; one per test module, since a fit takes a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from httpx import Client

from service.app import create_app
from service.bootstrap import Services, build_services
from service.server import open_listener
from tests.service_world import build_world


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    return build_services(build_world(tmp_path_factory.mktemp("world")))


@pytest.fixture(scope="module")
def client(services: Services) -> Iterator[Client]:
    """A client of the application, which a thread serves on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(create_app(services), lifespan="on", log_config=None))
    with open_listener("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        with Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=120) as opened:
            yield opened
        server.should_exit = True
        thread.join(30)
