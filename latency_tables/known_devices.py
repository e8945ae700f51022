"""Tables of known devices as the prior's arrays. Called by `estimate` for a few-shot table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latency_tables.errors import MeasurementError, ResultFault
from latency_tables.operator_key import OperatorKey
from latency_tables.plan import PlanEntry
from latency_tables.table import LatencyTable

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class KnownDevices:
    """What known devices take for each operator.

    Attributes:
        names: of the d devices.
        keys: the k operators that every known device has a row for and that networks may have or lack.
        constant: operators that every measured network has equally often, such as stem and head: nothing tells their
            time from the fixed cost, so that it is counted there.
        costs_ms: `(d, 1 + k)`, the fixed cost first.
    """

    names: tuple[str, ...]
    keys: tuple[OperatorKey, ...]
    constant: frozenset[OperatorKey]
    costs_ms: Floats

    @property
    def kinds(self) -> npt.NDArray[np.int64]:
        """A number per cost, `(1 + k,)`: one for operators that differ in shapes alone; -1 for the fixed cost."""
        kinds = [(key.kind, key.attributes) for key in self.keys]
        number = {kind: index for index, kind in enumerate(dict.fromkeys(kinds))}
        return np.array([-1, *(number[kind] for kind in kinds)])


def known_devices(tables: Sequence[LatencyTable], networks: Sequence[PlanEntry]) -> KnownDevices:
    """The tables as arrays over the operators that all have; a table that lacks one of the networks is left out.

    Raises:
        MeasurementError: no table is left.
    """
    constant = _constant(networks)
    varying = {key for entry in networks for key in entry.operator_keys} - set(constant)
    usable = [table for table in tables if varying <= set(table.operator_ms) and not table.missing(constant)]
    if not usable:
        reason = "no other device has a table with a row for every operator of these networks: measure the full plan."
        raise MeasurementError("known devices", reason, [ResultFault(("plan_recipe",), reason.capitalize())])
    keys = tuple(sorted(set.intersection(*(set(table.operator_ms) for table in usable)) - set(constant), key=str))
    costs = [[_fixed_ms(table, constant), *(table.latency_ms(key) for key in keys)] for table in usable]
    return KnownDevices(tuple(table.device for table in usable), keys, frozenset(constant), np.array(costs))


def _constant(networks: Sequence[PlanEntry]) -> Counter[OperatorKey]:
    counts = [Counter(entry.operator_keys) for entry in networks]
    first = counts[0]
    return Counter({key: first[key] for key in first if all(count[key] == first[key] for count in counts)})


def _fixed_ms(table: LatencyTable, constant: Counter[OperatorKey]) -> float:
    return table.fixed_ms + sum(count * table.latency_ms(key) for key, count in constant.items())
