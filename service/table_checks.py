"""What a table must hold for a space: its operators, all of them, with times that a device can have.

Called by `table_upload.py`, `import_table.py` and `measurement_upload.py`.
A fault is `(place, code, detail)`; a place is a path of names into the table's document.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from latency_tables import LatencyTable, OperatorKey, OperatorKeyError
from search import Space, latency_reach, random_genomes
from service.device_name import is_safe_name

Place = tuple[str | int, ...]
PlacedFault = tuple[Place, str, str]

SLOWEST_GMACS_PER_S, FASTEST_GMACS_PER_S = 0.001, 3_000.0
"""From a microcontroller to beyond the fastest CPU: outside, the unit is not milliseconds."""
_LEVEL_TOLERANCE = 0.8
"""Networks were judged by fits that did not see them, and so may lie a little outside what the final rows allow."""
_LARGEST_RATIO = 10_000
_SAMPLE = 33
"""Random networks whose median stands for a middling one."""
_FEWEST_OF_A_KIND = 3


def name_faults(table: Mapping[str, Any], device: str, space: str) -> Iterator[PlacedFault]:
    """Names that are not those of the address, or that are no safe file names."""
    provenance = table.get("provenance")
    of_provenance = provenance.get("device") if isinstance(provenance, dict) else None
    given = (
        (("device",), table.get("device"), device),
        (("space",), table.get("space"), space),
        (("provenance", "device"), of_provenance, device),
    )
    for place, name, expected in given:
        if isinstance(name, str) and name != expected:
            yield place, "name_mismatch", f"The address says {expected}. Put the table at the address of its own name."


def safe_name_faults(device: str) -> Iterator[PlacedFault]:
    """What is wrong with the device's name in the address."""
    if not is_safe_name(device):
        reason = (
            "The name of a device has 1 to 64 of a-z, 0-9, dot, underscore and hyphen, begins with a letter or digit,"
            " has no two dots together, ends with no dot, and is no reserved name such as con or nul."
        )
        yield ("path", "device"), "unsafe_name", reason


def operator_faults(table: Mapping[str, Any], space: Space) -> Iterator[PlacedFault]:
    """Texts that are no operators, operators twice, and operators of the space that are nowhere."""
    rows, covers = table.get("operator_ms"), table.get("covers", [])
    known = {str(block.operator_key) for block in space.operators()}
    if isinstance(rows, dict):
        yield from (_no_operator(("operator_ms", text)) for text in rows if not _is_operator(text, known))
    if isinstance(covers, list):
        yield from _cover_faults(covers, rows if isinstance(rows, dict) else {}, known)
    yield from _neighbour_faults(table, known)
    if isinstance(rows, dict) and isinstance(covers, list):
        held = {*rows, *(text for text in covers if isinstance(text, str))}
        for block in space.operators():
            if str(block.operator_key) not in held:
                reason = f"No row for this operator of {space.name}. Measure it; a cost is never guessed."
                yield ("operator_ms", str(block.operator_key)), "missing_operator", reason


def shape_faults(table: Mapping[str, Any]) -> Iterator[PlacedFault]:
    """Lists whose lengths do not belong together."""
    rows, uncertainty, honesty = (table.get(name) for name in ("operator_ms", "uncertainty", "honesty"))
    if isinstance(uncertainty, dict) and isinstance(factor := uncertainty.get("factor"), list):
        if isinstance(rows, dict) and len(factor) != 1 + len(rows):
            reason = f"Needs {1 + len(rows)} rows: one for the fixed cost, then one for each operator."
            yield ("uncertainty", "factor"), "wrong_length", reason
        widths = {len(row) for row in factor if isinstance(row, list)}
        if len(widths) > 1:
            yield ("uncertainty", "factor"), "wrong_length", "All rows must be of one length."
    if isinstance(honesty, dict):
        for name in ("predicted_ms", "measured_ms"):
            pairs = honesty.get(name)
            if isinstance(pairs, list) and len(pairs) != honesty.get("networks"):
                yield ("honesty", name), "wrong_length", "Needs one number for each of `networks`."


def figure_faults(table: LatencyTable) -> Iterator[PlacedFault]:
    """Honesty figures that do not follow from the pairs they are stated for."""
    honesty = table.honesty
    if honesty is None:
        return
    predicted, measured = np.array(honesty.predicted_ms), np.array(honesty.measured_ms)
    errors = np.abs(predicted - measured) / measured
    # A prediction at the very edge of 5 or 10 % may fall on either side when its decimals were cut.
    one = 1 / honesty.networks + 1e-9
    stated = (
        ("mape", honesty.mape, float(errors.mean()), 1e-3),
        ("within_5", honesty.within_5, float(np.mean(errors <= 0.05)), one),
        ("within_10", honesty.within_10, float(np.mean(errors <= 0.10)), one),
    )
    for name, given, found, tolerance in stated:
        if abs(given - found) > tolerance:
            yield ("honesty", name), "figure_mismatch", f"predicted_ms and measured_ms give {found:.4g}."


def time_faults(table: LatencyTable, space: Space) -> Iterator[PlacedFault]:
    """Times that no device has: another unit than milliseconds, or single cells that went wrong."""
    for (first, second), ms in table.neighbour_ms.items():
        if table.latency_ms(first) + table.latency_ms(second) + ms < 0:
            place = ("neighbour_ms", f"{first} -> {second}")
            yield place, "implausible_neighbour", "The two operators together would take less than no time."
    yield from _wrong_cells(table, space)
    yield from network_faults(table, space)


def network_faults(table: LatencyTable, space: Space) -> Iterator[PlacedFault]:
    """Whole networks that take no time, or that are as fast as no device is."""
    lowest_ms = latency_reach(space, table).lowest
    if lowest_ms <= 0:
        # Each pair may take some time, and a chain of them still less than none.
        reason = f"The fastest network of {space.name} would take {lowest_ms:.4g} ms, and every network takes time."
        yield ("neighbour_ms" if table.neighbour_ms else "fixed_ms",), "implausible_network", reason
    yield from unit_faults(table, space)
    yield from _level_faults(table, space)


def _level_faults(table: LatencyTable, space: Space) -> Iterator[PlacedFault]:
    """Honesty figures of networks that the rows put at quite another latency: the rows were edited afterwards."""
    if table.honesty is None or table.space != space.name:
        return
    reach = latency_reach(space, table)
    lowest, highest = min(table.honesty.predicted_ms), max(table.honesty.predicted_ms)
    if lowest < _LEVEL_TOLERANCE * reach.lowest or highest > reach.highest / _LEVEL_TOLERANCE:
        reason = (
            f"States networks of {lowest:.4g} to {highest:.4g} ms, but by its rows the networks of {space.name} take"
            f" {reach.lowest:.4g} to {reach.highest:.4g} ms. Leave honesty and uncertainty out of an edited table."
        )
        yield ("honesty", "predicted_ms"), "figure_mismatch", reason


def unit_faults(table: LatencyTable, space: Space) -> Iterator[PlacedFault]:
    """A middling network at a speed that no device has: the times are in another unit than milliseconds."""
    latency_ms, speed = middling_speed(table, space)
    if not SLOWEST_GMACS_PER_S <= speed <= FASTEST_GMACS_PER_S:
        unit = "microseconds" if speed < SLOWEST_GMACS_PER_S else "seconds"
        reason = (
            f"A middling network of {space.name} would take {latency_ms:.4g} ms, which is {speed:.4g} GMAC/s; devices"
            f" have {SLOWEST_GMACS_PER_S:g} to {FASTEST_GMACS_PER_S:g}. Times are milliseconds for one image; these"
            f" look like {unit}."
        )
        yield ("operator_ms",), "implausible_unit", reason


def middling_speed(table: LatencyTable, space: Space) -> tuple[float, float]:
    """Median latency in ms of random networks, and their median macs per that time, in 10^9 macs per second."""
    genomes = random_genomes(space, _SAMPLE, np.random.default_rng(0))
    networks = [space.architecture(genome) for genome in genomes]
    latency_ms = statistics.median(table.total_ms(network.operator_keys) for network in networks)
    macs = statistics.median(network.macs for network in networks)
    return latency_ms, macs / latency_ms / 1e6 if latency_ms > 0 else float("inf")


def _wrong_cells(table: LatencyTable, space: Space) -> Iterator[PlacedFault]:
    per_mac = {
        block.operator_key: table.operator_ms[block.operator_key] / block.macs
        for block in space.operators()
        if block.operator_key is not None and block.operator_key in table.operator_ms and block.macs
    }
    by_kind: dict[str, list[float]] = defaultdict(list)
    for key, value in per_mac.items():
        by_kind[key.kind].append(value)
    everything = list(per_mac.values())
    for key, value in per_mac.items():
        kin = by_kind[key.kind]
        usual = statistics.median(kin if len(kin) >= _FEWEST_OF_A_KIND else everything)
        if value > _LARGEST_RATIO * usual:
            reason = (
                f"{table.operator_ms[key]:.4g} ms is {value / usual:.3g} times what such operators take per"
                " multiply-accumulate. Check this cell."
            )
            yield ("operator_ms", str(key)), "implausible_row", reason


def _cover_faults(covers: list[Any], rows: Mapping[str, Any], known: set[str]) -> Iterator[PlacedFault]:
    seen: set[str] = set()
    for place, text in enumerate(covers):
        if not isinstance(text, str):
            continue
        if not _is_operator(text, known):
            yield _no_operator(("covers", place))
        elif text in rows:
            yield ("covers", place), "operator_twice", "This operator has a row, too. Keep one of the two."
        elif text in seen:
            yield ("covers", place), "operator_twice", "This operator is named twice. Name it once."
        seen.add(text)


def _neighbour_faults(table: Mapping[str, Any], known: set[str]) -> Iterator[PlacedFault]:
    neighbours = table.get("neighbour_ms")
    rows, covers = table.get("operator_ms"), table.get("covers", [])
    if not (isinstance(neighbours, dict) and isinstance(rows, dict) and isinstance(covers, list)):
        return
    held = {*rows, *(text for text in covers if isinstance(text, str))}
    for text in neighbours:
        parts = text.split(" -> ")
        if len(parts) != 2 or not all(_is_operator(part, known) for part in parts):
            yield ("neighbour_ms", text), "operator_key", "Write two operators of this table with ` -> ` between them."
        elif not held.issuperset(parts):
            yield ("neighbour_ms", text), "operator_key", "One of the two operators is neither a row nor covered."


def _no_operator(place: Place) -> PlacedFault:
    example = "inverted_residual in=16x32x32 out=24x32x32 expansion=6 groups=1 kernel=3 stride=1"
    return place, "operator_key", f"This is no operator. Write it like: {example}"


def _is_operator(text: str, known: set[str]) -> bool:
    if text in known:
        return True
    try:
        OperatorKey.parse(text)
    except OperatorKeyError:
        return False
    return True
