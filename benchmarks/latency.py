"""How well the latency table of this machine holds.

    python -m benchmarks.latency host [--threads 1] [--budget 75] [--json OUT]

`host` measures the plan of `fbnet-cifar10` as `lutnas measure` does: 90 operators and 60 networks make the table, 60
other networks judge it. Beside it: how well a second measurement of the same networks agrees with the first.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from latency_tables import MeasureOptions, estimate_table, measure_plan, write_plan
from search import load_space, measurement_plan

SPACE = "fbnet-cifar10"


def host(threads: int, budget_s: float) -> dict[str, Any]:
    """Measure, estimate, and return the honesty figures with the seconds both took."""
    plan = measurement_plan(load_space(SPACE))
    content = write_plan(plan)
    started = time.perf_counter()
    result = measure_plan(content, MeasureOptions(threads=threads, budget_s=budget_s), _print)
    measured = time.perf_counter()
    table = estimate_table("local-cpu", plan, result)
    source = table.provenance
    if table.honesty is None:
        raise SystemExit("The plan holds no networks to judge the table with.")
    return {
        "processor": source.processor,
        "runtime": f"{source.runtime} {source.runtime_version}",
        "threads": threads,
        "operators": len(table.operator_ms),
        "measuring_s": round(measured - started, 1),
        "estimating_s": round(time.perf_counter() - measured, 1),
        "rounds": result["rounds"],
        "held_out": asdict(table.honesty),
    }


def main() -> int:
    """Print the figures as JSON; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("figure", choices=("host",))
    parser.add_argument("--threads", type=int, default=1, help="threads of onnxruntime")
    parser.add_argument("--budget", type=float, default=75.0, help="seconds of timing")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    figures = host(arguments.threads, arguments.budget)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def _print(done: int, total: int, seconds_left: float) -> None:
    if done % 200 == 0 or done == total:
        sys.stderr.write(f"\rmeasuring: {done} of {total}, {seconds_left:.0f} s left  ")


if __name__ == "__main__":
    sys.exit(main())
