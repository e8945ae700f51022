"""Tables of known devices as the prior's arrays. Called by `estimate` for a few-shot table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latency_tables.errors import MeasurementError
from latency_tables.operator_key import OperatorKey
from latency_tables.plan import PlanEntry
from latency_tables.table import LatencyTable

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class KnownDevices:
    """What known devices take for each operator.

    Attributes:
        keys: the k operators that every known device has a row for and that networks may have or lack.
        constant: operators that every measured network has equally often, such as stem and head: nothing tells their
            time from the fixed cost, so that it is counted there.
        costs_ms: `(d, 1 + k)`, the fixed cost first.
    """

    keys: tuple[OperatorKey, ...]
    constant: frozenset[OperatorKey]
    costs_ms: Floats


def known_devices(tables: Sequence[LatencyTable], networks: Sequence[PlanEntry]) -> KnownDevices:
    """The tables as arrays over the operators they have in shared.

    Raises:
        MeasurementError: there is no table, or a network has an operator that a table lacks; names it.
    """
    if not tables:
        raise MeasurementError("known devices", "there are none with a table for this space: measure the full plan.")
    constant = _constant(networks)
    shared = set.intersection(*(set(table.operator_ms) for table in tables)) - set(constant)
    for table in tables:
        used = {key for entry in networks for key in entry.operator_keys}
        lacking = sorted(str(key) for key in table.missing(used) + tuple(table.covers & used - set(constant)))
        if lacking:
            raise MeasurementError(f"known device {table.device}", f"its table has no row for {lacking[0]}.")
    keys = tuple(sorted(shared, key=str))
    costs = [[_fixed_ms(table, constant), *(table.latency_ms(key) for key in keys)] for table in tables]
    return KnownDevices(keys, frozenset(constant), np.array(costs))


def _constant(networks: Sequence[PlanEntry]) -> Counter[OperatorKey]:
    counts = [Counter(entry.operator_keys) for entry in networks]
    first = counts[0]
    return Counter({key: first[key] for key in first if all(count[key] == first[key] for count in counts)})


def _fixed_ms(table: LatencyTable, constant: Counter[OperatorKey]) -> float:
    return table.fixed_ms + sum(count * table.latency_ms(key) for key, count in constant.items())
