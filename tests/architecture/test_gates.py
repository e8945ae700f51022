"""The linters and type checker of pyproject.toml pass, each on the whole project."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.sources import PACKAGES, ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )


def assert_passes(*arguments: str) -> None:
    result = run(*arguments)
    assert result.returncode == 0, f"{' '.join(arguments)}\n{result.stdout[-6000:]}\n{result.stderr[-3000:]}"


def test_ruff_finds_nothing() -> None:
    assert_passes("-m", "ruff", "check", ".")


def test_every_file_is_formatted() -> None:
    assert_passes("-m", "ruff", "format", "--check", ".")


def test_mypy_strict_finds_nothing() -> None:
    assert_passes("-m", "mypy")


def test_import_contracts_are_kept() -> None:
    assert_passes("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")


def test_ruff_would_find_an_unused_import() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--stdin-filename", "search/engine.py", "-"],
        input='"""Words."""\n\nimport json\n',
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "F401" in result.stdout


def test_every_package_is_checked_by_mypy() -> None:
    result = run("-m", "mypy", "--verbose")
    for package in PACKAGES:
        assert f"{package}/__init__.py" in result.stderr
