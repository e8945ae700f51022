"""How long the commands time unless told otherwise."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from latency_tables import MeasureOptions
from service.cli import main


@pytest.mark.parametrize(("command", "budget_s"), [("measure", MeasureOptions().budget_s), ("demo", 75.0)])
def test_a_full_plan_has_the_agents_budget_and_the_demo_a_shorter_one(command: str, budget_s: float) -> None:
    (option,) = [option for option in main.commands[command].params if option.name == "budget"]
    assert option.default == budget_s


@pytest.mark.parametrize("command", ["measure", "demo"])
@pytest.mark.parametrize("budget", ["0", "nan", "3601", "x"])
def test_a_budget_that_is_none_is_refused(command: str, budget: str) -> None:
    done = CliRunner().invoke(main, [command, "--budget", budget])
    assert done.exit_code == 2
    assert "--budget" in done.output
