"""Recovers the operator tables behind the published FBNet-CIFAR latencies of HW-NAS-Bench.

    python -m latency_tables.tools.recover_fbnet NPZ [--out FOLDER]

NPZ holds 5,000 networks (`genes (5000, 22)`) with their latencies, which are exact sums of operators measured on the
devices. Rows that occur at several depths are one unknown, so that a least-squares fit returns the operators to the
last digits, but for one constant per shape of layer: each network has exactly one block of every shape-changing
layer, so that time can move between its nine rows and the fixed cost without changing any sum. Those constants are
pinned here (`split_fixed_cost`); which of them is right cannot be read from the data, and no sum depends on it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from latency_tables.files import SHIPPED, write_table
from latency_tables.operator_key import OperatorKey, Shape
from latency_tables.provenance import Provenance
from latency_tables.table import LatencyTable

Floats = npt.NDArray[np.float64]

SPACE = "fbnet-cifar10"
DECIMALS = 9
"""Of a cost in ms: finer than the source, coarse enough that every linear algebra library writes the same file."""
STAGES = ((1, 16, 1), (4, 24, 1), (4, 32, 2), (4, 64, 2), (4, 112, 1), (4, 184, 2), (1, 352, 1))
"""Layers, channels, stride of the first layer: the FBNet-CIFAR macro-structure of HW-NAS-Bench."""
STEM = OperatorKey("stem", (3, 32, 32), (16, 32, 32), (("kernel", 3), ("stride", 1)))
HEADS = tuple(OperatorKey("head", (352, 4, 4), (classes, 1, 1), (("hidden", 1504),)) for classes in (10, 100))
DEVICES = {
    "raspberry-pi-4": ("raspi4", "Raspberry Pi 4 (Arm Cortex-A72)"),
    "pixel-3": ("pixel3", "Google Pixel 3 (Qualcomm Kryo 385)"),
}
SOURCE = (
    "HW-NAS-Bench (Li et al., ICLR 2021; GitHub GATECH-EIC/HW-NAS-Bench), the 5,000 network latencies as repackaged by"
    " HELP (Lee et al., NeurIPS 2021; GitHub HayeonLee/HELP); operators recovered by latency_tables.tools.recover_fbnet"
)
NOTES = (
    "The published network latencies are sums of operators measured on the device, not measurements of whole"
    " networks: this table reproduces them exactly, which says nothing about how well such sums hold for a network"
    " on the device. An identity skip is taken as 0 ms; the sums cannot tell such a cost from a part of the fixed"
    " cost. Time can also be moved between the blocks of a shape-changing layer and the fixed cost without"
    " changing any sum; it was split with a linear cost model over convolutions that was fitted to this device's"
    " own operators, which puts {split_ms:.3f} ms into the six shape-changing skips and leaves {fixed_ms:.3f} ms"
    " as fixed cost. The fixed cost holds the stem, the head and whatever the published sums add once. It was"
    " published with a head of 100 classes ({macs_100:,} macs); a head of 10 classes needs {macs_10:,} macs (1.6 %"
    " fewer), so networks of 10 classes are overestimated slightly. Thread count, precision, TensorFlow Lite"
    " version and day of the measurement are not stated in the data; the date is the year of publication."
)


@dataclass(frozen=True)
class Layer:
    """One layer of the macro-structure."""

    in_shape: Shape
    out_shape: Shape
    stride: int

    @property
    def changes_shape(self) -> bool:
        return self.in_shape != self.out_shape

    def key(self, choice: str) -> OperatorKey | None:
        """The operator of a choice such as `k3_e1_g2`; None for the identity skip."""
        if choice == "skip":
            stride = (("stride", self.stride),)
            return OperatorKey("skip", self.in_shape, self.out_shape, stride) if self.changes_shape else None
        numbers = {part[0]: int(part[1:]) for part in choice.split("_")}
        attributes = (
            ("kernel", numbers["k"]),
            ("expansion", numbers["e"]),
            ("groups", numbers.get("g", 1)),
            ("stride", self.stride),
        )
        return OperatorKey("inverted_residual", self.in_shape, self.out_shape, attributes)


def macro_layers() -> tuple[Layer, ...]:
    """The 22 layers in order."""
    layers = []
    shape = STEM.out_shape
    for count, channels, first_stride in STAGES:
        for index in range(count):
            stride = first_stride if index == 0 else 1
            out_shape = (channels, shape[1] // stride, shape[2] // stride)
            layers.append(Layer(shape, out_shape, stride))
            shape = out_shape
    return tuple(layers)


def count_operators(genes: npt.NDArray[np.int64], choices: list[str]) -> tuple[tuple[OperatorKey, ...], Floats]:
    """How often each network uses each operator: the k operators and counts `(n, k)`; identities count nowhere."""
    layers = macro_layers()
    every = [layer.key(choice) for layer in layers for choice in choices]
    keys = tuple(dict.fromkeys(key for key in every if key is not None))
    column = {key: index for index, key in enumerate(keys)}
    counts = np.zeros((len(genes), len(keys)))
    for position, layer in enumerate(layers):
        for gene, choice in enumerate(choices):
            key = layer.key(choice)
            if key is not None:
                counts[:, column[key]] += genes[:, position] == gene
    return keys, counts


def fit_operators(keys: tuple[OperatorKey, ...], counts: Floats, latency_ms: Floats) -> tuple[Floats, float]:
    """Operator costs `(k,)` in ms and the fixed cost, with every shape-changing skip set to 0."""
    free = np.array([key.kind != "skip" for key in keys])
    design = np.column_stack([counts[:, free], np.ones(len(counts))])
    solution = np.linalg.lstsq(design, latency_ms, rcond=None)[0]
    costs = np.zeros(len(keys))
    costs[free] = solution[:-1]
    return costs, float(solution[-1])


def split_fixed_cost(keys: tuple[OperatorKey, ...], costs: Floats, fixed_ms: float) -> dict[tuple[Shape, Shape], float]:
    """The time in ms of each shape-changing layer's skip, which all blocks of that layer then gain.

    A linear model with non-negative coefficients over `work` explains all operators at once, the relative errors
    weighing alike; the constants of the layers are unknowns of the same fit, and stem, head and constants together
    must make up the fixed cost.
    """
    changing = [(layer.in_shape, layer.out_shape) for layer in macro_layers() if layer.changes_shape]
    rows, targets = [], []
    for key, cost in zip(keys, costs, strict=True):
        constants = np.array([-1.0 if shapes == (key.in_shape, key.out_shape) else 0.0 for shapes in changing])
        weight = 1.0 / max(cost, 0.1)  # skips are 0 here: without a floor they would outweigh everything
        rows.append(weight * np.concatenate([work(key), constants]))
        targets.append(weight * cost)
    ends = np.concatenate([work(STEM) + work(HEADS[1]), np.ones(len(changing))])
    design, target = np.array([*rows, ends / fixed_ms]), np.array([*targets, 1.0])
    scale = np.linalg.norm(design, axis=0)
    solution = nnls(design / scale, target)[0] / scale
    return dict(zip(changing, solution[-len(changing) :].tolist(), strict=True))


def work(key: OperatorKey) -> Floats:
    """Dense macs, depthwise macs, values written, values shuffled and 1: what takes an operator's time, `(5,)`."""
    channels, size, _ = key.in_shape
    out_channels, out_size, _ = key.out_shape
    pixels, out_pixels = size**2, out_size**2
    attributes = dict(key.attributes)
    if key.kind in ("stem", "skip"):
        written = out_channels * out_pixels
        return np.array([channels * attributes.get("kernel", 1) ** 2 * written, 0, written, 0, 1.0])
    if key.kind == "head":
        hidden = attributes["hidden"]
        return np.array([channels * hidden * pixels + hidden * out_channels, 0, hidden * pixels, 0, 1.0])
    middle, groups = channels * attributes["expansion"], attributes["groups"]
    dense = middle * (channels * pixels + out_channels * out_pixels) / groups
    written = middle * pixels + middle * out_pixels + out_channels * out_pixels
    shuffled = middle * pixels if groups > 1 else 0
    return np.array([dense, middle * attributes["kernel"] ** 2 * out_pixels, written, shuffled, 1.0])


def recover(device: str, genes: npt.NDArray[np.int64], choices: list[str], latency_ms: Floats) -> LatencyTable:
    """The table of one device from its published network latencies in ms, `(n,)`."""
    keys, counts = count_operators(genes, choices)
    costs, fixed_ms = fit_operators(keys, counts, latency_ms)
    split = split_fixed_cost(keys, costs, fixed_ms)
    rest_ms = fixed_ms - sum(split.values())
    operator_ms = {
        key: round(float(cost) + split.get((key.in_shape, key.out_shape), 0.0), DECIMALS)
        for key, cost in zip(keys, costs, strict=True)
    }
    macs_10, macs_100 = (int(work(head)[0]) for head in HEADS)
    notes = NOTES.format(split_ms=sum(split.values()), fixed_ms=rest_ms, macs_10=macs_10, macs_100=macs_100)
    provenance = Provenance(
        device, DEVICES[device][1], "TensorFlow Lite", "unknown", None, 1, "unknown", None,
        "unknown", "2021", SOURCE, "published", notes,
    )  # fmt: skip
    return LatencyTable(device, SPACE, round(rest_ms, DECIMALS), frozenset({STEM, *HEADS}), operator_ms, provenance)


def main() -> None:
    """Write both tables and print how well they reproduce the published sums."""
    parser = argparse.ArgumentParser(description="Recover the FBNet-CIFAR operator tables.")
    parser.add_argument("npz", type=Path, metavar="NPZ", help="fbnet_cifar100_latency.npz")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder for <device>/fbnet-cifar10.json")
    arguments = parser.parse_args()
    with np.load(arguments.npz) as archive:
        genes, choices = archive["genes"].astype(np.int64), [str(name) for name in archive["choice_names"]]
        for device, (column, _) in DEVICES.items():
            latency_ms = archive[f"latency_ms_{column}"]
            table = recover(device, genes, choices, latency_ms)
            write_table(table, arguments.out / device / f"{SPACE}.json")
            keys, counts = count_operators(genes, choices)
            sums = table.fixed_ms + counts @ np.array([table.latency_ms(key) for key in keys])
            print(f"{device}: {len(keys)} operators, largest difference {np.abs(sums - latency_ms).max():.1e} ms")


if __name__ == "__main__":
    main()
