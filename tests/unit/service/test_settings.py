"""Settings, their environment, and the checks before listening."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from service.cli import main
from service.errors import HostRefusedError, PortInUseError, PortRefusedError
from service.server import check_loopback, open_listener
from service.settings import Settings
from tests.service_world import occupied_port


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("LUTNAS_", "XDG_"))]:
        monkeypatch.delenv(name)


def test_the_data_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().data_dir == tmp_path / ".local" / "share" / "lutnas"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert Settings().data_dir == tmp_path / "xdg" / "lutnas"


def test_everything_lives_below_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.url == f"sqlite:///{tmp_path}/lutnas.sqlite3"
    assert {settings.tables_dir.parent, settings.searches_dir.parent} == {tmp_path}


def test_the_environment_sets_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTNAS_PORT", "1234")
    monkeypatch.setenv("LUTNAS_ALLOW_REMOTE", "true")
    assert Settings().port == 1234
    assert Settings(port=99).port == 99
    assert Settings().allow_remote


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "70000"), ("PORT", "http"), ("MAX_RUNNING", "0"), ("CANCEL_GRACE_S", "-1"), ("BUSY_TIMEOUT_S", "nan")],
)
def test_wrong_settings_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"LUTNAS_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_loopback_is_fine(host: str) -> None:
    check_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", "", "localhost.example.com"])
def test_other_hosts_are_refused(host: str) -> None:
    with pytest.raises(HostRefusedError, match="LUTNAS_ALLOW_REMOTE"):
        check_loopback(host)


def test_a_port_in_use_is_refused_with_another_one() -> None:
    with occupied_port() as port, pytest.raises(PortInUseError, match=f"--port {port + 1}"):
        open_listener("127.0.0.1", port)


def test_the_last_port_is_not_followed_by_another() -> None:
    assert "--port 65534" in str(PortInUseError("127.0.0.1", 65535))


def test_a_port_that_the_user_may_not_have_is_not_told_as_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(PortRefusedError, match="may not listen on port 80 "):
        open_listener("127.0.0.1", 80)


def test_a_free_port_listens() -> None:
    with open_listener("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        pass


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(HostRefusedError):
        open_listener("192.0.2.1", 0)


@pytest.mark.parametrize("arguments", [["--port", "99999"], ["--port", "x"], ["--nonsense"]])
def test_wrong_options_are_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, ["serve", *arguments]).exit_code == 2


def test_help_names_the_options() -> None:
    result = CliRunner().invoke(main, ["serve", "--help"])
    assert result.exit_code == 0
    assert all(option in result.output for option in ("--host", "--port", "--data-dir"))
