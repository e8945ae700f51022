"""The Docker files, checked as a linter would, with the health check's own command run against a real server."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
BASE = re.compile(r"^(?P<image>[a-z0-9./-]+):(?P<tag>[\w.-]+)(?: AS (?P<stage>[a-z]+))?$")


def instructions(text: str) -> list[tuple[str, str]]:
    """Pairs of instruction and argument, comments left out and continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1].strip()) for line in joined.splitlines()]


def arguments(name: str) -> list[str]:
    return [argument for instruction, argument in instructions(DOCKERFILE) if instruction == name]


def last_stage() -> list[tuple[str, str]]:
    every = instructions(DOCKERFILE)
    return every[max(i for i, (name, _) in enumerate(every) if name == "FROM") :]


def copied_from_context() -> list[str]:
    copies = [argument.split() for argument in arguments("COPY") if not argument.startswith("--from=")]
    return [source for words in copies for source in words[:-1]]


def health_command() -> list[str]:
    (check,) = arguments("HEALTHCHECK")
    return json.loads(check[check.index("CMD ") + 4 :])


def service_in_compose() -> dict[str, Any]:
    return COMPOSE["services"]["lutnas"]


def test_base_images_are_pinned_and_one() -> None:
    bases = [BASE.match(argument) for argument in arguments("FROM")]
    assert len(bases) == 2
    assert all(bases)
    assert {(base["image"], base["tag"]) for base in bases if base} == {("python", "3.12-slim-trixie")}
    assert all(base["tag"] != "latest" for base in bases if base)


def test_the_base_image_has_a_python_that_the_project_supports() -> None:
    version = re.search(r"python:3\.(\d+)", DOCKERFILE)
    least = re.fullmatch(r">=3\.(\d+)", PROJECT["project"]["requires-python"])
    assert version is not None
    assert least is not None
    assert int(version[1]) >= int(least[1])
    assert f"Programming Language :: Python :: 3.{version[1]}" in PROJECT["project"]["classifiers"]


def test_the_last_stage_takes_only_the_environment_from_the_first() -> None:
    copies = [argument for name, argument in last_stage() if name == "COPY"]
    assert copies == ["--from=build /opt/lutnas /opt/lutnas"]


def test_the_server_does_not_run_as_root() -> None:
    names = [name for name, _ in last_stage()]
    (user,) = [argument for name, argument in last_stage() if name == "USER"]
    assert user.split(":")[0] not in {"root", "0"}
    assert any(name == "RUN" and re.search(rf"useradd .*\b{user}\b", argument) for name, argument in last_stage())
    assert names.index("RUN") < names.index("USER") < names.index("CMD")


def test_commands_are_in_exec_form() -> None:
    assert [json.loads(argument) for argument in arguments("ENTRYPOINT")] == [["lutnas"]]
    assert [json.loads(argument) for argument in arguments("CMD")] == [["serve"]]
    assert health_command()[0] == "python"
    assert "lutnas" in PROJECT["project"]["scripts"]


def test_nothing_is_added_from_the_network_or_left_in_caches() -> None:
    assert not arguments("ADD")
    for argument in arguments("RUN"):
        assert "curl" not in argument
        assert "sudo" not in argument
        assert "pip install" not in argument or "--no-cache-dir" in argument
        assert "apt-get install" not in argument or "rm -rf /var/lib/apt/lists" in argument


def test_run_steps_are_valid_shell() -> None:
    for argument in arguments("RUN"):
        result = subprocess.run(["sh", "-n", "-c", argument], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr


def test_every_copied_file_exists_and_reaches_the_builder() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignored[0] == "*"
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    for source in copied_from_context():
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in let_in), source
    assert sorted(let_in) == sorted(copied_from_context())


def test_what_the_installation_needs_is_copied() -> None:
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {"pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], *packages}
    assert needed == set(copied_from_context())


def test_settings_in_the_files_exist() -> None:
    fields = {f"LUTNAS_{name.upper()}" for name in Settings.model_fields}
    names = set(re.findall(r"\bLUTNAS_[A-Z_]+", DOCKERFILE)) | set(service_in_compose()["environment"])
    assert names >= {"LUTNAS_DATA_DIR", "LUTNAS_HOST"}
    assert names <= fields


def test_the_data_folder_is_a_volume_in_both_files() -> None:
    assert "LUTNAS_DATA_DIR=/data" in " ".join(arguments("ENV"))
    assert arguments("VOLUME") == ['["/data"]']
    assert service_in_compose()["volumes"] == ["data:/data"]
    assert "data" in COMPOSE["volumes"]


def test_the_exposed_port_is_the_default_one() -> None:
    default = str(Settings.model_fields["port"].default)
    assert arguments("EXPOSE") == [default]
    assert service_in_compose()["ports"] == [f"127.0.0.1:{default}:{default}"]


def test_nothing_is_published_beyond_loopback() -> None:
    """The service has no access control: the setting that opens it inside goes with a port closed outside."""
    service = service_in_compose()
    assert service["environment"]["LUTNAS_ALLOW_REMOTE"] == "true"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert "ALLOW_REMOTE" not in DOCKERFILE
    assert "LUTNAS_HOST" not in DOCKERFILE
    assert "network_mode" not in service


def test_the_container_has_no_more_rights_than_it_needs() -> None:
    service = service_in_compose()
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add", "devices", "pid", "user"} & set(service)


def test_compose_builds_this_dockerfile_in_this_version() -> None:
    service = service_in_compose()
    context = (ROOT / "docker" / service["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / service["build"]["dockerfile"]).is_file()
    assert service["image"] == f"lutnas:{PROJECT['project']['version']}"


class Answer(BaseHTTPRequestHandler):
    """Answers /healthz with the status that the server carries, anything else with 404."""

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def health(port: int) -> int:
    command = [sys.executable, *health_command()[1:]]
    environment = {"LUTNAS_PORT": str(port), "PATH": ""}
    return subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False).returncode


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (404, False), (500, False), (503, False)])
def test_the_health_check_follows_the_server(server: ThreadingHTTPServer, status: int, healthy: bool) -> None:
    server.status = status
    assert (health(server.server_port) == 0) == healthy


def test_the_health_check_fails_without_a_server(server: ThreadingHTTPServer) -> None:
    port = server.server_port
    server.shutdown()
    server.server_close()
    assert health(port) != 0


def test_instructions_are_read_as_docker_reads_them() -> None:
    text = '# words\nFROM a:1 AS b\nRUN one \\\n    && two\n\nCMD ["x"]\n'
    assert instructions(text) == [("FROM", "a:1 AS b"), ("RUN", "one && two"), ("CMD", '["x"]')]
