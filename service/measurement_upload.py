"""What the agent measured, from JSON to a table: the plan is made again, and what no device has is refused.

Called by `api/device_tables.py` and `measure.py`. Takes seconds of processor time for a large space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from latency_tables import FEWEST_NETWORKS, LatencyTable, MeasurementError, MeasurementPlan, estimate_table, recipe_of
from service.catalogue import SpaceEntry
from service.json_size import size_faults
from service.plans import MOST_NETWORKS
from service.table_checks import PlacedFault, network_faults
from service.table_document import ProvenanceBody
from service.table_upload import check_file, refusal

FORMAT_PREFIX = "lutnas-measurement/"
_MOST = {"entries": 5_000, "interruptions": 10_000}


def is_measurement(content: object) -> bool:
    """Whether a body is what the agent wrote, rather than a table."""
    return isinstance(content, dict) and str(content.get("format")).startswith(FORMAT_PREFIX)


def table_of_measurement(
    content: Mapping[str, Any], device: str, entry: SpaceEntry, known: Sequence[LatencyTable]
) -> LatencyTable:
    """The table of a measurement; `known` are other devices' tables, the prior where only networks were measured.

    Raises:
        TableRefusedError: with every fault.
        BodyTooLargeError: the table's file would be too large.
    """
    crowded = list(size_faults(content, _MOST))
    if crowded:
        raise refusal(crowded)
    try:
        plan = _plan(content, entry)
        table = estimate_table(device, plan, content, known=known)
    except MeasurementError as error:
        raise refusal(_faults(error)) from error
    faults = [
        *_text_faults(table),
        *((("entries",), code, detail) for _, code, detail in network_faults(table, entry.space)),
    ]
    if faults:
        raise refusal(faults)
    check_file(table)
    return table


def _plan(content: Mapping[str, Any], entry: SpaceEntry) -> MeasurementPlan:
    """The plan that the result says it is of, made again.

    Raises:
        TableRefusedError: of another space, or of a plan that this server does not hand out.
        MeasurementError: it names no recipe of plans.
    """
    space, recipe = content.get("space"), recipe_of(content)
    if isinstance(space, str) and space != entry.space.name:
        reason = f"The result is of another space than {entry.space.name}. Give it for its own, or measure this one."
        raise refusal([(("space",), "name_mismatch", reason)])
    if recipe is None or recipe.kind == "full":
        return entry.plans.get().plan
    if not FEWEST_NETWORKS <= recipe.networks <= MOST_NETWORKS:
        reason = f"Plans of {FEWEST_NETWORKS} to {MOST_NETWORKS} networks are handed out. Measure one of those."
        raise refusal([(("plan_recipe", "networks"), "other_plan", reason)])
    return entry.plans.get(recipe.networks).plan


def _faults(error: MeasurementError) -> Iterator[PlacedFault]:
    for fault in error.faults:
        code = "other_plan" if fault.place == ("plan_sha256",) else "invalid_measurement"
        yield fault.place, code, _sentence(fault.reason)
    if not error.faults:
        yield (), "invalid_measurement", _sentence(error.reason)


def _text_faults(table: LatencyTable) -> Iterator[PlacedFault]:
    """Texts about the machine that hold what terminals obey."""
    try:
        ProvenanceBody.model_validate(asdict(table.provenance))
    except ValidationError:
        yield ("machine",), "invalid_text", "A text about the machine has control characters or is too long."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
