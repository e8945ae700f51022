"""`LUTNAS_DATASETS`: names and paths, as text or JSON."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.cli_options import clear_errors, settings_with
from service.settings import Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("cifar10=/data/cifar10.tar.xz", {"cifar10": "/data/cifar10.tar.xz"}),
        (" a=/x , b=y=z ,", {"a": "/x", "b": "y=z"}),
        ('{"a": "/with,comma", "b.c": "d"}', {"a": "/with,comma", "b.c": "d"}),
    ],
)
def test_names_and_paths(monkeypatch: pytest.MonkeyPatch, text: str, expected: dict[str, str]) -> None:
    monkeypatch.setenv("LUTNAS_DATASETS", text)
    assert Settings().datasets == {name: Path(path) for name, path in expected.items()}
    assert settings_with({"port": 1}).datasets == Settings().datasets


@pytest.mark.parametrize(
    "text", ["cifar10", "a=", "=b", "a=1,a=2", "../x=1", '{"a": 1}', "{", '{"a": "x", "a": "y"}', "{}x", '{"": "x"}']
)
def test_what_is_neither_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LUTNAS_DATASETS", text)
    with pytest.raises(ValidationError, match="datasets"):
        Settings()


def test_the_message_says_what_to_write(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LUTNAS_DATASETS", "garbage")
    with pytest.raises(SystemExit) as ended, clear_errors("lutnas cannot start."):
        Settings()
    assert ended.value.code == 2
    assert "LUTNAS_DATASETS: write NAME=PATH, several with commas between" in capsys.readouterr().err
