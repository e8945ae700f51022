"""Operator latencies per device: measured, imported, checked (DESIGN.md, section 5)."""

from latency_tables.atomic_file import replace_file
from latency_tables.cost_model import CostPosterior, CostPrior, fit_costs
from latency_tables.errors import (
    LatencyTableError,
    MeasurementError,
    MissingOperatorError,
    OperatorKeyError,
    PlanError,
    RowFault,
    TableFileError,
    TableImportError,
)
from latency_tables.estimate import estimate_table
from latency_tables.few_shot import (
    INFORMATIVE_SHARE,
    FewShotFit,
    choose_for_prior,
    choose_networks,
    fit_few_shot,
    fit_known_device,
    prior_from_tables,
    prior_with_kinds,
)
from latency_tables.files import format_table, parse_table, read_table, shipped_tables, write_table
from latency_tables.honesty import kendall_tau
from latency_tables.importers.block_yaml import read_block_yaml
from latency_tables.importers.plain_csv import read_plain_csv
from latency_tables.importers.rows import ImportedRows, imported_table
from latency_tables.measurement import MeasureOptions, measure_plan, read_measurement, recipe_of, time_models
from latency_tables.operator_key import OperatorKey, Shape
from latency_tables.plan import (
    FEWEST_NETWORKS,
    FITTED,
    HELD_OUT,
    MeasurementPlan,
    PlanEntry,
    PlanRecipe,
    fitted_networks,
    read_plan,
    write_plan,
)
from latency_tables.provenance import Honesty, Kind, Provenance
from latency_tables.table import LatencyTable, canonical_json
from latency_tables.this_machine import differences_from
from latency_tables.uncertainty import Uncertainty

__all__ = [
    "FEWEST_NETWORKS",
    "FITTED",
    "HELD_OUT",
    "fitted_networks",
    "INFORMATIVE_SHARE",
    "CostPosterior",
    "CostPrior",
    "FewShotFit",
    "choose_for_prior",
    "choose_networks",
    "fit_costs",
    "fit_few_shot",
    "fit_known_device",
    "prior_from_tables",
    "prior_with_kinds",
    "Honesty",
    "ImportedRows",
    "Kind",
    "LatencyTable",
    "LatencyTableError",
    "MeasureOptions",
    "MeasurementError",
    "MeasurementPlan",
    "MissingOperatorError",
    "OperatorKey",
    "OperatorKeyError",
    "PlanEntry",
    "PlanError",
    "PlanRecipe",
    "Provenance",
    "RowFault",
    "Shape",
    "TableFileError",
    "TableImportError",
    "Uncertainty",
    "canonical_json",
    "differences_from",
    "estimate_table",
    "format_table",
    "imported_table",
    "kendall_tau",
    "measure_plan",
    "parse_table",
    "read_block_yaml",
    "read_measurement",
    "read_plain_csv",
    "read_plan",
    "read_table",
    "recipe_of",
    "replace_file",
    "shipped_tables",
    "time_models",
    "write_plan",
    "write_table",
]
