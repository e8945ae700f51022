"""Measurement plan: small ONNX models and whole networks to be timed on a device, with the operators each holds.

Part `latency_tables/` of the way of the data (DESIGN.md, section 2). `search.plan` makes plans, the agent reads
the zip on the device, `estimate` joins plan and result. The format is in `docs/latency-tables.md`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from latency_tables.errors import OperatorKeyError, PlanError
from latency_tables.operator_key import OperatorKey
from latency_tables.strict_json import parse_object

FORMAT = "lutnas-measurement-plan/2"
Role = Literal["operator", "network"]
PlanKind = Literal["full", "few-shot"]

MOST_ENTRIES = 5_000
LARGEST_MODEL_BYTES = 64 * 2**20
LARGEST_TOTAL_BYTES = 512 * 2**20
LARGEST_INDEX_BYTES = 8 * 2**20
STRONGEST_COMPRESSION = 100
"""Real weights hardly compress; a file that claims more than this is a bomb."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip entry must have a date; a fixed one keeps equal plans equal
FEWEST_NETWORKS = 5
"""Of a few-shot plan: an operator that fewer networks share by chance would be taken for a part of the fixed cost."""
FITTED, HELD_OUT = 180, 150
"""Whole networks of a full plan: the first ones are fitted, the last ones judge the table."""


@dataclass(frozen=True)
class PlanEntry:
    """One model to time.

    Attributes:
        name: safe identifier, unique in the plan.
        operator_keys: operators of the model with repetitions; exactly one where the role is "operator".
        onnx: the model with its weights inside, input float32 `(1, c, h, w)` or with a dynamic first dimension.
    """

    name: str
    operator_keys: tuple[OperatorKey, ...]
    onnx: bytes
    role: Role


@dataclass(frozen=True)
class PlanRecipe:
    """How a plan was chosen; with its space it tells the plan, so that whoever has both can make it again.

    Attributes:
        kind: "full": every operator alone, and networks; "few-shot": networks only.
        networks: asked for; a small space may have fewer.
    """

    kind: PlanKind
    networks: int


@dataclass(frozen=True)
class MeasurementPlan:
    """What to time for one space; `recipe` is None for a plan put together by hand.

    Raises:
        PlanError: a name is unsafe or occurs twice, an entry has no operators or an "operator" entry several.
    """

    space: str
    entries: tuple[PlanEntry, ...]
    recipe: PlanRecipe | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.space):
            raise PlanError("space", _unsafe(self.space))
        if not 0 < len(self.entries) <= MOST_ENTRIES:
            raise PlanError("entries", f"there are {len(self.entries)}, allowed are 1 to {MOST_ENTRIES}.")
        seen: set[str] = set()
        for index, entry in enumerate(self.entries):
            reason = _entry_fault(entry, seen)
            if reason:
                raise PlanError(f"entry {index}", reason)
            seen.add(entry.name)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RecipePart(_Part):
    """How a plan was chosen, as files say it."""

    kind: PlanKind
    networks: Annotated[int, Field(ge=0, le=MOST_ENTRIES)]


class _EntryPart(_Part):
    name: Annotated[str, StringConstraints(max_length=64)]
    role: Role
    operators: Annotated[list[str], Field(max_length=1_000)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _PlanPart(_Part):
    format: Literal["lutnas-measurement-plan/2"]
    space: Annotated[str, StringConstraints(max_length=64)]
    recipe: RecipePart | None
    entries: Annotated[list[_EntryPart], Field(max_length=MOST_ENTRIES)]


def write_plan(plan: MeasurementPlan) -> bytes:
    """The plan as a zip of `plan.json` and `models/<name>.onnx`: uncompressed, the same bytes for equal plans."""
    index = {
        "format": FORMAT,
        "space": plan.space,
        "recipe": None if plan.recipe is None else asdict(plan.recipe),
        "entries": [
            {
                "name": entry.name,
                "role": entry.role,
                "operators": [str(key) for key in entry.operator_keys],
                "sha256": hashlib.sha256(entry.onnx).hexdigest(),
            }
            for entry in plan.entries
        ],
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_zip_entry("plan.json"), json.dumps(index, indent=1) + "\n")
        for entry in plan.entries:
            archive.writestr(_zip_entry(model_path(entry.name)), entry.onnx)
    return buffer.getvalue()


def read_plan(data: bytes) -> MeasurementPlan:
    """Read and check a plan; nothing is written to disk and no model is run.

    Raises:
        PlanError: not a zip, damaged, too large, files that do not belong, a broken `plan.json`, a model whose
            sha256 differs.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read_archive(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise PlanError("zip", f"is not a zip file or is damaged: {str(error)[:200]}") from error


def model_path(name: str) -> str:
    """Where the zip keeps the model of an entry."""
    return f"models/{name}.onnx"


def _read_archive(archive: zipfile.ZipFile) -> MeasurementPlan:
    files = _check_files(archive)
    if "plan.json" not in files:
        raise PlanError("plan.json", "is not in the zip.")
    part = _parse_index(_read_file(archive, files["plan.json"], LARGEST_INDEX_BYTES))
    named = {"plan.json", *(model_path(entry.name) for entry in part.entries)}
    if set(files) != named:
        strange = min(set(files) ^ named)
        raise PlanError(strange[:120], "is in the zip or in plan.json, but not in both.")
    models = {
        entry.name: _read_file(archive, files[model_path(entry.name)], LARGEST_MODEL_BYTES) for entry in part.entries
    }
    entries = tuple(_entry(index, e, models[e.name]) for index, e in enumerate(part.entries))
    recipe = None if part.recipe is None else PlanRecipe(part.recipe.kind, part.recipe.networks)
    return MeasurementPlan(part.space, entries, recipe)


def _check_files(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Refuse by what the zip's directory says, before anything is unpacked."""
    members = archive.infolist()
    if len(members) > MOST_ENTRIES + 1:
        raise PlanError("zip", f"holds {len(members)} files, allowed are {MOST_ENTRIES + 1}.")
    if sum(member.file_size for member in members) > LARGEST_TOTAL_BYTES:
        raise PlanError("zip", f"unpacks to more than {LARGEST_TOTAL_BYTES} bytes.")
    for member in members:
        match = re.fullmatch(r"models/(.+)\.onnx", member.filename)
        if member.filename != "plan.json" and not (match and _NAME.fullmatch(match[1])):
            raise PlanError(
                "zip", f"{member.filename[:80]!r} does not belong: only plan.json and models/<name>.onnx do."
            )
    files = {member.filename: member for member in members}
    if len(files) != len(members):
        raise PlanError("zip", "holds two files of one name.")
    return files


def _read_file(archive: zipfile.ZipFile, member: zipfile.ZipInfo, largest: int) -> bytes:
    if member.file_size > largest:
        raise PlanError(member.filename, f"is {member.file_size} bytes, allowed are {largest}.")
    if member.file_size > 2**20 and member.file_size > STRONGEST_COMPRESSION * member.compress_size:
        raise PlanError(member.filename, f"is compressed more than {STRONGEST_COMPRESSION} to 1.")
    with archive.open(member) as file:
        data = file.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise PlanError(member.filename, "is not as long as the zip says.")
    return data


def _parse_index(data: bytes) -> _PlanPart:
    try:
        return _PlanPart.model_validate(parse_object(data))
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        listed = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults[:20])
        raise PlanError("plan.json", listed) from error
    except ValueError as error:
        raise PlanError("plan.json", f"is not JSON: {str(error)[:200]}") from error


def _entry(index: int, part: _EntryPart, model: bytes) -> PlanEntry:
    actual = hashlib.sha256(model).hexdigest()
    if actual != part.sha256:
        raise PlanError(model_path(part.name), f"has sha256 {actual}, plan.json states {part.sha256}.")
    try:
        keys = tuple(map(OperatorKey.parse, part.operators))
    except OperatorKeyError as error:
        raise PlanError(f"entry {index}", str(error)) from error
    return PlanEntry(part.name, keys, model, part.role)


def _entry_fault(entry: PlanEntry, seen: set[str]) -> str | None:
    if not _NAME.fullmatch(entry.name):
        return _unsafe(entry.name)
    if entry.name in seen:
        return f"name {entry.name!r} is used twice."
    if not entry.operator_keys or (entry.role == "operator" and len(entry.operator_keys) != 1):
        return f"{entry.name!r} is a {entry.role} with {len(entry.operator_keys)} operators."
    if not 0 < len(entry.onnx) <= LARGEST_MODEL_BYTES:
        return f"the model of {entry.name!r} has {len(entry.onnx)} bytes, allowed are 1 to {LARGEST_MODEL_BYTES}."
    return None


def _unsafe(name: str) -> str:
    return f"{name[:80]!r} is no safe name: use 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit."


def _zip_entry(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _EARLIEST)
    member.external_attr = 0o644 << 16
    member.create_system = 3
    return member


def fitted_networks(networks: int) -> int:
    """How many of a full plan's networks are fitted: the first ones, as many as keep the proportion."""
    return round(networks * FITTED / (FITTED + HELD_OUT))
