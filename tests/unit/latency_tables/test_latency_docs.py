"""`docs/latency-tables.md` names every field and limit that the code keeps."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from latency_tables import Honesty, LatencyTable, Provenance, agent, files, plan

TEXT = (Path(__file__).parents[3] / "docs" / "latency-tables.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [LatencyTable, Provenance, Honesty])
def test_every_field_is_documented(kind: type) -> None:
    for field in dataclasses.fields(kind):
        assert field.name in TEXT, field.name


@pytest.mark.parametrize("version", [files.FORMAT, plan.FORMAT, agent.FORMAT])
def test_every_format_is_documented(version: str) -> None:
    assert f"`{version}`" in TEXT or f'"{version}"' in TEXT


def test_agent_and_plan_agree_on_the_format_and_its_limits() -> None:
    """The agent stands alone and cannot import them."""
    assert agent.PLAN_FORMAT == plan.FORMAT
    assert agent.LARGEST_MODEL_BYTES == plan.LARGEST_MODEL_BYTES
    assert agent.FEWEST_NETWORKS == plan.FEWEST_NETWORKS
    assert agent.LARGEST_PLAN_BYTES == plan.LARGEST_TOTAL_BYTES


def test_limits_are_documented() -> None:
    assert f"at most {files.LARGEST_BYTES // 2**20} MiB" in TEXT
    assert f"at most {plan.MOST_ENTRIES:,} models" in TEXT
    assert f"{plan.LARGEST_MODEL_BYTES // 2**20} MiB each, {plan.LARGEST_TOTAL_BYTES // 2**20} MiB together" in TEXT
    assert f"more than {plan.STRONGEST_COMPRESSION} to 1" in TEXT
    assert f"{agent.FEWEST_RUNS} to {agent.MOST_RUNS} consecutive runs" in TEXT


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(example, "docs/latency-tables.md", "exec"), {})  # noqa: S102 - our own text
    largest, half_width = map(float, capsys.readouterr().out.split())
    assert largest < 0.05
    assert half_width > 0
