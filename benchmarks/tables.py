"""The shipped tables against the published sums they were recovered from.

python -m benchmarks.tables --npz ../shared/data/fbnet_cifar100_latency.npz [--json OUT]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from latency_tables import LatencyTable, shipped_tables
from latency_tables.tools.recover_fbnet import DEVICES, count_operators

LARGEST_DIFFERENCE_MS = 1e-6


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


def main() -> int:
    """Print one line per table; 1 when a table is off by more than `LARGEST_DIFFERENCE_MS`."""
    parser = argparse.ArgumentParser(description="Compare the shipped tables with the published sums.")
    parser.add_argument("--npz", type=Path, required=True, help="fbnet_cifar100_latency.npz")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    rows = [compare(table, arguments.npz) for table in shipped_tables().values() if table.device in DEVICES]
    print(f"{'device':<16}{'networks':>10}{'operators':>11}  largest difference")
    for row in rows:
        print(f"{row['device']:<16}{row['networks']:>10}{row['operators']:>11}  {row['largest_difference_ms']:.1e} ms")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(float(str(row["largest_difference_ms"])) <= LARGEST_DIFFERENCE_MS for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
