"""How well latency tables hold.

    python -m benchmarks.latency host [--threads 1] [--budget 95] [--json OUT]
    python -m benchmarks.latency fewshot --known FILE.npz --target FILE.npz [--devices a,b] --networks 10 --draws 20

`host` measures the full plan of `fbnet-cifar10` on this machine: operators and 180 networks make the table, 150 other
networks judge it; these are then measured a second time, which is the floor for any table. Keep the machine idle.
`fewshot` predicts devices from a few of their networks, with all other devices of the known file as the prior.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.few_shot import Draws, few_shot
from benchmarks.host_table import host_table
from benchmarks.published_networks import NetworksFileError, read_pair


def main(arguments: list[str] | None = None) -> int:
    """Print the figures as JSON; 1 when an input is not what it should be."""
    given = _parse(arguments)
    try:
        figures = host_table(given.threads, given.budget, _progress) if given.figure == "host" else _few_shot(given)
    except NetworksFileError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    text = json.dumps(figures, indent=1, allow_nan=False) + "\n"
    sys.stdout.write(text)
    if given.json:
        given.json.write_text(text, encoding="utf-8")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="figure", required=True)
    host = commands.add_parser("host", help="the table of this machine")
    host.add_argument("--threads", type=int, default=1, help="threads of onnxruntime")
    host.add_argument("--budget", type=float, default=95.0, help="seconds of timing, held-out networks included")
    few = commands.add_parser("fewshot", help="new devices from a few networks")
    few.add_argument("--known", type=Path, required=True, help=".npz with genes and latency_ms_<device>")
    few.add_argument("--target", type=Path, required=True, help="the same layout; may be the same file")
    few.add_argument("--devices", help="target devices, separated by commas (default: all)")
    few.add_argument("--networks", type=_at_least_one, default=10, help="measured per draw")
    few.add_argument("--draws", type=_at_least_one, default=20)
    few.add_argument("--random", action="store_true", help="measure random networks instead of chosen ones")
    for command in (host, few):
        command.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args(arguments)


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _few_shot(given: argparse.Namespace) -> dict[str, Any]:
    known, target = read_pair(given.known, given.target)
    devices = given.devices.split(",") if given.devices else None
    return few_shot(known, target, devices, Draws(given.networks, given.draws, not given.random), _told)


def _told(device: str, figures: dict[str, float]) -> None:
    sys.stderr.write(f"{device:<18}" + "".join(f"{name} {value:.3f}  " for name, value in figures.items()) + "\n")


def _progress(stage: str, done: int, total: int, seconds_left: float) -> None:
    if done % 200 == 0 or done == total:
        sys.stderr.write(f"\r{stage}: {done} of {total}, {seconds_left:.0f} s left  ")


if __name__ == "__main__":
    sys.exit(main())
