"""The real agent on aarch64, under emulation: that it works there, not how fast a board is.

    python -m benchmarks.aarch64 --work DIR [--networks 12] [--budget 20] [--json OUT]

Fetches Debian's arm64 Python and its qemu-user-static, and PyPI's aarch64 wheels of numpy and onnxruntime, into DIR
(120 MB, 500 MB unpacked; kept and used again), runs `agent.py` offline on a plan of `tiny-cifar10`, checks the result
and makes a table of it. Needs Debian's apt-get and dpkg, pip and a network, no root and nothing installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from latency_tables import LatencyTable, MeasurementPlan, agent, estimate_table, read_measurement, write_plan
from search import load_space, measurement_plan

SPACE = "tiny-cifar10"
QEMU = "qemu-user-static"
PACKAGES = (
    "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libc6", "libgcc-s1", "libstdc++6", "zlib1g",
    "libexpat1", "libssl3", "libffi8", "libbz2-1.0", "liblzma5", "libuuid1",
)  # fmt: skip
"""Of Debian 12 for arm64: Python and the libraries of its standard library and of the wheels."""
WHEELS = ("numpy", "onnxruntime")
CORE = (
    "processor\t: {}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
    "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
)
"""A core in /proc/cpuinfo. qemu-user 7.2 shows the host's file, of x86, at which onnxruntime 1.32 for ARM crashes."""


def fetch(work: Path) -> None:
    """Download and unpack into a folder what it does not hold yet; it is complete once this returns."""
    if (work / "complete").exists():
        return
    for tool in ("apt-get", "dpkg", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is missing: this needs a Debian system.")
    debs, wheels = work / "debs", work / "wheels"
    for folder in (debs, wheels, work / "apt" / "lists" / "partial", work / "apt" / "cache" / "archives" / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    (work / "apt" / "status").touch()
    apt = apt_command(work / "apt", _output(["dpkg", "--print-architecture"]))
    _run([*apt, "update"], debs)
    _run([*apt, "download", QEMU, *(f"{name}:arm64" for name in PACKAGES)], debs)
    pins = [f"{name}=={version(name)}" for name in WHEELS]
    _run([*pip_command(), *pins], wheels)
    for deb in sorted(debs.glob("*.deb")):
        _run(["dpkg", "-x", str(deb), str(work / ("tools" if deb.name.startswith(QEMU) else "root"))], work)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(work / "site")
    (work / "root" / "proc").mkdir(exist_ok=True)
    cores = "".join(CORE.format(number) for number in range(os.cpu_count() or 1))
    (work / "root" / "proc" / "cpuinfo").write_text(cores, encoding="ascii")
    (work / "complete").touch()


def apt_command(folder: Path, own_architecture: str) -> list[str]:
    """apt-get with all its state in a folder, and with arm64 beside the machine's own packages."""
    places = {
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Dir::State::status": folder / "status",
        "APT::Architecture": own_architecture,
    }
    options = [f"{name}={value}" for name, value in places.items()]
    options += [f"APT::Architectures::={name}" for name in dict.fromkeys((own_architecture, "arm64"))]
    return ["apt-get", "-q", *(part for option in options for part in ("-o", option))]


def pip_command() -> list[str]:
    """pip, downloading wheels for Debian's Python on arm64."""
    tags = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")
    platforms = [part for tag in tags for part in ("--platform", tag)]
    kind = ["--only-binary=:all:", "--python-version", "3.11", *platforms]
    return [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind]


def measure(work: Path, plan: MeasurementPlan, budget_s: float) -> dict[str, Any]:
    """What the agent measured of a plan on the emulated aarch64, as it wrote it."""
    shutil.copy(agent.__file__, work / "agent.py")
    (work / "plan.zip").write_bytes(write_plan(plan))
    out = work / "result.json"
    out.unlink(missing_ok=True)
    arguments = ["agent.py", "--plan", "plan.zip", "--out", out.name, "--budget-s", str(budget_s)]
    _run([*python_command(work), *arguments], work, {"PYTHONPATH": str(work / "site")})
    return read_measurement(out)


def python_command(work: Path) -> list[str]:
    """Debian's Python for arm64 under qemu."""
    qemu = work / "tools" / "usr" / "bin" / "qemu-aarch64-static"
    return [str(qemu), "-L", str(work / "root"), str(work / "root" / "usr" / "bin" / "python3.11"), "-B"]


def check(plan: MeasurementPlan, result: dict[str, Any]) -> LatencyTable:
    """The table of a result that is of aarch64, known as emulated, and of every model of the plan.

    Raises:
        SystemExit: it is not.
        MeasurementError: it does not keep the format.
    """
    table = estimate_table("emulated-aarch64", plan, result)
    machine = result["machine"]
    wrong = {
        "architecture": machine["architecture"] != "aarch64",
        "emulated": not machine["emulated"] or machine["emulation"] != "qemu-user",
        "entries": set(result["entries"]) != {entry.name for entry in plan.entries},
        "warnings": not any("emulated" in text for text in result["warnings"]),
        "provenance": not table.provenance.emulated,
    }
    faults = [name for name, is_wrong in wrong.items() if is_wrong]
    if faults:
        raise SystemExit(f"The result is wrong in: {', '.join(faults)}.")
    return table


def figures(work: Path, result: dict[str, Any], table: LatencyTable) -> dict[str, Any]:
    """What ran, in versions, and what came of it."""
    return {
        "qemu": _output([python_command(work)[0], "--version"]).splitlines()[0],
        "packages": sorted(path.name for path in (work / "debs").glob("*.deb")),
        "wheels": sorted(path.name for path in (work / "wheels").glob("*.whl")),
        "host": platform.machine(),
        "machine": result["machine"],
        "runtime_version": result["runtime_version"],
        "models_timed": len(result["entries"]),
        "rounds": result["rounds"],
        "seconds": result["seconds"],
        "warnings": result["warnings"],
        "operators": len(table.operator_ms),
        "provenance_emulated": table.provenance.emulated,
    }


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _run(command: Sequence[str], folder: Path, more: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | (more or {}), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)[:300]}\nended with {done.returncode}:\n{done.stderr[-2000:]}")


def main() -> int:
    """Print the figures as JSON; fails where the agent does."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aarch64", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of what is fetched and made")
    parser.add_argument("--networks", type=int, default=12, help="whole networks of the plan")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds of timing")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    fetch(work)
    plan = measurement_plan(load_space(SPACE), networks=arguments.networks)
    result = measure(work, plan, arguments.budget)
    text = json.dumps(figures(work, result, check(plan, result)), indent=1) + "\n"
    sys.stdout.write(text)
    if arguments.json:
        arguments.json.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
