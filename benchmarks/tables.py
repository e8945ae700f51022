"""The shipped tables against what was published, and malformed tables against the service.

python -m benchmarks.tables published --npz ../shared/data/fbnet_cifar100_latency.npz [--json OUT]
python -m benchmarks.tables malformed [--generated 2000] [--seed 0] [--json OUT]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn

from benchmarks.malformed_tables import DEVICE, Malformed, by_hand, good_document
from benchmarks.mutated_tables import mutated
from latency_tables import LatencyTable, shipped_tables
from latency_tables.tools.recover_fbnet import DEVICES, count_operators
from search import load_space
from service.app import create_app
from service.bootstrap import build_services
from service.server import open_listener
from service.settings import Settings

LARGEST_DIFFERENCE_MS = 1e-6
SPACE = "fbnet-cifar10"
ADDRESS = f"/v1/devices/{DEVICE}/tables/{SPACE}"


def compare(table: LatencyTable, npz: Path) -> dict[str, object]:
    """Largest absolute difference in ms between a table's sums and the published ones."""
    with np.load(npz) as archive:
        genes = archive["genes"].astype(np.int64)
        choices = [str(name) for name in archive["choice_names"]]
        published_ms = archive[f"latency_ms_{DEVICES[table.device][0]}"]
    keys, counts = count_operators(genes, choices)
    sums = table.fixed_ms + counts @ np.array([table.latency_ms(key) for key in keys])
    return {
        "device": table.device,
        "networks": len(genes),
        "operators": len(keys),
        "largest_difference_ms": float(np.abs(sums - published_ms).max()),
    }


def published(npz: Path) -> tuple[list[dict[str, object]], bool]:
    """One line per table; whether none is off by more than `LARGEST_DIFFERENCE_MS`."""
    rows = [compare(table, npz) for table in shipped_tables().values() if table.device in DEVICES]
    print(f"{'device':<16}{'networks':>10}{'operators':>11}  largest difference")
    for row in rows:
        print(f"{row['device']:<16}{row['networks']:>10}{row['operators']:>11}  {row['largest_difference_ms']:.1e} ms")
    return rows, all(float(str(row["largest_difference_ms"])) <= LARGEST_DIFFERENCE_MS for row in rows)


@contextmanager
def serving(folder: Path) -> Iterator[httpx.Client]:
    """A client of the service with the shipped spaces, in a thread, with its data in `folder`."""
    app = create_app(build_services(Settings(data_dir=folder, port=0)))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None))
    with open_listener("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as client:
            yield client
        server.should_exit = True
        thread.join(60)


def put_all(client: httpx.Client, address: str, bodies: Iterable[Malformed]) -> dict[str, object]:
    """What the service answered to malformed tables: how many of each status, and what it did wrong."""
    statuses: Counter[int] = Counter()
    without_pointer, wrong_pointer = [], []
    for malformed in bodies:
        answer = client.put(address, content=malformed.body, headers={"Content-Type": "application/json"})
        statuses[answer.status_code] += 1
        document = answer.json() if answer.headers["Content-Type"] == "application/problem+json" else {}
        pointers = {fault["pointer"] for fault in document.get("errors", [])}
        if not pointers:
            without_pointer.append(malformed.name)
        elif malformed.places and not pointers & set(malformed.places):
            wrong_pointer.append(malformed.name)
    return {
        "tables": sum(statuses.values()),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "refused": sum(count for status, count in statuses.items() if 400 <= status < 500),
        "without_pointer": without_pointer,
        "wrong_pointer": wrong_pointer,
    }


def refuse_malformed(count: int, seed: int) -> tuple[dict[str, object], bool]:
    """Malformed tables against the service; whether all were refused with a pointer and nothing was written."""
    space = load_space(SPACE)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as client:
        before = _files(Path(folder))
        figures: dict[str, object] = {
            "by_hand": put_all(client, ADDRESS, by_hand(space)),
            "generated": put_all(client, ADDRESS, mutated(space, count, seed)),
            "files_written": len(_files(Path(folder)) - before),
            "alive": client.get("/healthz").status_code == 200,
            "good_table_status": client.put(ADDRESS, json=good_document(space)).status_code,
        }
    for name in ("by_hand", "generated"):
        print(f"{name}: {summary(figures[name])}")
    print(f"files written: {figures['files_written']}, alive after it: {figures['alive']}")
    print(f"the good table that they were made from: {figures['good_table_status']}")
    return figures, is_reached(figures)


def summary(part: Any) -> str:
    """The figures of some malformed tables in words."""
    wrong = [*part["without_pointer"], *part["wrong_pointer"]]
    listed = f" ({'; '.join(wrong[:10])})" if wrong else ""
    return (
        f"{part['refused']} of {part['tables']} refused, by status {part['statuses']}, {len(part['without_pointer'])}"
        f" without a pointer, {len(part['wrong_pointer'])} with another pointer{listed}"
    )


def is_reached(figures: Any) -> bool:
    """Whether all were refused with the right pointer, nothing was written, and the service still works."""
    parts = [figures[name] for name in ("by_hand", "generated")]
    refused = all(part["refused"] == part["tables"] > 0 for part in parts)
    named = not any(part["without_pointer"] or part["wrong_pointer"] for part in parts)
    works = figures["alive"] is True and figures["good_table_status"] == 201
    return refused and named and works and figures["files_written"] == 0


def _files(folder: Path) -> set[Path]:
    return {path for path in (folder / "tables").rglob("*") if path.is_file()}


def main() -> int:
    """Print the figures of one command; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description="Latency tables: shipped ones as published, malformed ones refused.")
    commands = parser.add_subparsers(dest="command", required=True)
    sums = commands.add_parser("published", help="compare the shipped tables with the published sums")
    sums.add_argument("--npz", type=Path, required=True, help="fbnet_cifar100_latency.npz")
    bad = commands.add_parser("malformed", help="put malformed tables to the service")
    bad.add_argument("--generated", type=int, default=2000, help="tables made by mutation, beside those by hand")
    bad.add_argument("--seed", type=int, default=0)
    for command in (sums, bad):
        command.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    figures, good = (
        published(arguments.npz)
        if arguments.command == "published"
        else refuse_malformed(arguments.generated, arguments.seed)
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
