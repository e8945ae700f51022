"""CI runs exactly the README's test command, and the README's commands are what the packaging offers."""

from __future__ import annotations

import os
import re
import tomllib

from tests.architecture.sources import ROOT

FIRST = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/lutnas demo"


def readme_commands() -> list[str]:
    """The command lines of the README's `sh` blocks, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip() and not line.startswith("#")]


def script_lines() -> list[str]:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def test_the_first_command_installs_and_runs_the_demo() -> None:
    assert readme_commands()[0] == FIRST


def test_ci_runs_the_readmes_test_command() -> None:
    tests = [line for line in readme_commands() if "pytest" in line]
    assert len(tests) == 1
    assert script_lines()[-1] == tests[0]
    assert readme_commands().index(tests[0]) == 1


def test_ci_script_is_strict_and_executable() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "set -euo pipefail" in script_lines()
    assert not any("--ignore" in line or "|| true" in line or "-k " in line for line in script_lines())


def test_the_test_command_installs_what_every_test_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    development = " ".join(project["optional-dependencies"]["dev"])
    assert "lutnas[train]" in development
    assert any(line.startswith("torch==") for line in (ROOT / "constraints.txt").read_text().splitlines())


def test_a_plain_installation_brings_no_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert not [name for name in project["dependencies"] if name.startswith("torch")]
    assert project["scripts"]["lutnas"] == "service.cli:main"
