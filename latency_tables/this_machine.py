"""Whether a table was measured on the machine that this process runs on.

Part `latency_tables/` of the way of the data (DESIGN.md, section 5). Asked by the service before it times the networks
of a front again: figures of another machine would prove nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from latency_tables.agent import describe_machine
from latency_tables.provenance import Provenance

_CORES = re.compile(r"\b(\d+) cores\b")


def differences_from(
    provenance: Provenance, machine: Mapping[str, Any] | None = None, runtime_version: str | None = None
) -> tuple[str, ...]:
    """What tells this machine from the one a table was measured on, in words; empty where nothing does.

    Args:
        provenance: of the table.
        machine: what `agent.describe_machine` tells; None looks at this machine.
        runtime_version: of onnxruntime; None looks it up.
    """
    here = describe_machine() if machine is None else machine
    installed = _installed_version() if runtime_version is None else runtime_version
    found = []
    if provenance.emulated:
        found.append("the table was measured on an emulated processor")
    if here.get("emulated"):
        found.append("this machine's processor is emulated")
    if provenance.processor != _processor(here):
        found.append(f"the table is of {provenance.processor!r}, this machine has {_processor(here)!r}")
    cores = _CORES.search(provenance.notes)
    if cores is not None and int(cores[1]) != here["cores"]:
        found.append(f"the table is of {cores[1]} cores, this machine has {here['cores']}")
    if (provenance.runtime, provenance.runtime_version) != ("onnxruntime", installed):
        runtime = f"{provenance.runtime} {provenance.runtime_version}"
        found.append(f"the table was measured with {runtime}, here is onnxruntime {installed}")
    if provenance.threads is None:
        found.append("the table does not tell its number of threads")
    return tuple(found)


def _processor(machine: Mapping[str, Any]) -> str:
    """As `estimate_table` writes it into a table."""
    return f"{machine['board']} ({machine['processor']})" if machine["board"] else str(machine["processor"])


def _installed_version() -> str:
    # Read from the package's metadata: importing onnxruntime takes half a second and some 50 MB.
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return "not installed"
