"""Does a front hold on the device? Networks found with this machine's table, timed on this machine.

    python -m benchmarks.front [--space fbnet-cifar10] [--data-dir DIR] [--threads 1] [--networks 64] [--json OUT]

Takes the table of `lutnas measure` from the data folder, or measures one into it; searches; times the networks of the
front twice, interleaved, with their trained weights. Run it on an idle machine.

Two neighbours on a dense front differ by less than a measurement does from its own repetition, so that some leave the
front whatever predicted it. Therefore every share stands beside the same share for the front of the first measurement,
judged by the second; and beside the strict share (no other network is better) stands the share that no other network
beats by more than the two measurements differ on average. The denser a front, the lower all of them: the same
measurement is judged again for every second, every fourth and every eighth of its networks.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import search
from latency_tables import LatencyTable, MeasureOptions, read_table
from search import (
    ErrorPredictor,
    SearchResources,
    SearchSpec,
    SupernetArtefact,
    evenly_spread,
    export_onnx,
    load_space,
    read_artefact,
    remeasured_front,
    run_search,
)
from service.catalogue import Supernet
from service.jobs.remeasure import Effort, Remeasurement, local_devices, remeasure
from service.measure import measure_device
from service.settings import Settings

LEAST_SHARE = 0.90
MOST_BELOW_REPEAT = 0.05
_SHARES = ("still_non_dominated", "repeat_still_non_dominated", "within_noise", "repeat_within_noise")
_PRETRAINED = Path(search.__file__).parent / "pretrained"
_ERROR = Console(stderr=True)


def local_table(space: str, device: str, threads: int, data_dir: Path | None) -> LatencyTable:
    """The table of the data folder, measured now when there is none.

    Raises:
        RemeasureElsewhereError: it was measured on another machine.
        LatencyTableError: it is damaged, or the measurement failed.
    """
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    path = settings.tables_dir / device / f"{space}.json"
    if not path.exists():
        measure_device(space, device, MeasureOptions(threads), settings.tables_dir, _ERROR)
    table = read_table(path)
    local_devices([device], {device: table})
    return table


def time_front(table: LatencyTable, seed: int, effort: Effort) -> tuple[Remeasurement, SearchSpec]:
    """Search with the table and time the front."""
    space = load_space(table.space)
    artefact = read_artefact(_PRETRAINED / space.name, space)
    evaluations = artefact.evaluations
    predictor = ErrorPredictor.fit(
        space, evaluations.genomes, evaluations.error, cross_entropy=evaluations.cross_entropy
    )
    spec = SearchSpec(space.name, (table.device,), seed=seed)
    result = run_search(spec, SearchResources(space, predictor, {table.device: table}))
    return remeasure(result, space, {table.device: table}, _supernet(artefact, predictor), _tell, effort), spec


def _supernet(artefact: SupernetArtefact, predictor: ErrorPredictor) -> Supernet:
    return Supernet(artefact.card, artefact.sha256, predictor, (), partial(export_onnx, artefact))


def figures_of(timed: Remeasurement, table: LatencyTable, spec: SearchSpec) -> dict[str, Any]:
    """The figures with what they rest on, and whether the goals are met."""
    summary = timed.summary() | {"by_density": by_density(timed)}
    strict, repeat = summary["still_non_dominated"], summary["repeat_still_non_dominated"]
    return {
        "processor": table.provenance.processor,
        "table_sha256": table.sha256,
        "seed": spec.seed,
        **summary,
        "goal": {
            "still_non_dominated_at_least": LEAST_SHARE,
            "below_the_repeat_at_most": MOST_BELOW_REPEAT,
            "met": strict >= LEAST_SHARE and strict >= repeat - MOST_BELOW_REPEAT,
            "met_within_noise": summary["within_noise"] >= LEAST_SHARE
            and summary["within_noise"] >= summary["repeat_within_noise"] - MOST_BELOW_REPEAT,
        },
    }


def by_density(timed: Remeasurement) -> dict[str, dict[str, float]]:
    """The shares for ever thinner parts of the front, by their number of networks."""
    first, second = (np.column_stack(list(times.values())) for times in (timed.first_ms, timed.second_ms))
    shares = {}
    for part in (1, 2, 4, 8):
        rows = evenly_spread(range(len(timed.values)), max(1, len(timed.values) // part))
        judged = remeasured_front(timed.values[rows], timed.timed, first[rows], second[rows])
        shares[str(len(rows))] = {name: getattr(judged, name) for name in _SHARES}
    return shares


def lines_of(figures: dict[str, Any]) -> list[str]:
    """The figures in words."""
    (device,) = figures["devices"].values()
    repeat, goal = device["repeat"], figures["goal"]
    count = f"{figures['networks']} of the {figures['of']} networks of a front"
    judged = f"{_word(goal['met'])} strictly, {_word(goal['met_within_noise'])} within the noise"
    return [
        f"{count}, timed twice on {figures['processor']}, {device['threads']} thread(s).",
        _shares("still non-dominated, strictly", figures["still_non_dominated"], figures["repeat_still_non_dominated"]),
        _shares("not beaten by more than the noise", figures["within_noise"], figures["repeat_within_noise"]),
        _shares("mean error of the latency", device["mape"], repeat["mape"]),
        _shares("within 5 %", device["within_5"], repeat["within_5"]),
        f"  {'Kendall tau':<36} table {_tau(device)}   measured again {_tau(repeat)}",
        *(
            _shares(f"strictly, {count} of them", share["still_non_dominated"], share["repeat_still_non_dominated"])
            for count, share in list(figures["by_density"].items())[1:]
        ),
        f"At least {LEAST_SHARE:.0%}, and at most {100 * MOST_BELOW_REPEAT:.0f} points below the repeat: {judged}.",
    ]


def _shares(name: str, table: float, repeat: float) -> str:
    return f"  {name:<36} table {table:6.1%}   measured again {repeat:6.1%}"


def _tau(agreement: dict[str, Any]) -> str:
    return "   none" if agreement["kendall_tau"] is None else f"{agreement['kendall_tau']:6.3f}"


def _word(met: bool) -> str:
    return "met" if met else "missed"


def _tell(fraction: float, seconds_left: float) -> None:
    if _ERROR.is_terminal:
        _ERROR.print(f"Measuring {fraction:4.0%}, {seconds_left:4.0f} s left", end="\r")


def main() -> int:
    """Print the figures; 1 when the goal is missed strictly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.front", description=__doc__)
    parser.add_argument("--space", default="fbnet-cifar10")
    parser.add_argument("--device", default="local-cpu", help="name of this machine's table")
    parser.add_argument("--data-dir", type=Path, help="folder with the tables; the service's own when left out")
    parser.add_argument("--threads", type=int, default=1, help="of a table that is measured now")
    parser.add_argument("--networks", type=int, default=Effort().networks, help="networks of the front to time")
    parser.add_argument("--budget-s", type=float, default=Effort().budget_s, help="seconds of each of two measurements")
    parser.add_argument("--seed", type=int, default=0, help="of the search")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    table = local_table(arguments.space, arguments.device, arguments.threads, arguments.data_dir)
    timed, spec = time_front(table, arguments.seed, Effort(arguments.networks, arguments.budget_s))
    figures = figures_of(timed, table, spec)
    print("\n".join(lines_of(figures)))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if figures["goal"]["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
