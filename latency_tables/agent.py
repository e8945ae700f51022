"""The measuring agent: times the models of a measurement plan on this machine.

Part `latency_tables/` of the way of the data (DESIGN.md, section 2). One file that needs only the standard library,
numpy and onnxruntime, so that it can be copied to a device and run there:

    python agent.py --plan plan.zip --out result.json [--threads 1] [--budget-s 60]

`measure_plan` is the same from Python; `estimate.estimate_table` turns the result into a latency table.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import os
import platform
import re
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT = "lutnas-measurement/1"
PLAN_FORMAT = "lutnas-measurement-plan/1"
LARGEST_MODEL_BYTES = 64 * 2**20
LARGEST_PLAN_BYTES = 512 * 2**20
FEWEST_ROUNDS, MOST_ROUNDS = 4, 60
SAMPLE_MS = 12.0
"""A sample of one model repeats it for about this long: single runs of short operators are too noisy."""
FEWEST_RUNS, MOST_RUNS = 8, 20
STATISTIC = "median over rounds of the fastest of 8 to 20 consecutive runs (about 12 ms), after one untimed run"

Progress = Callable[[int, int, float], None]
"""Called with samples done, samples planned and the seconds left."""
Floats = npt.NDArray[np.float32]


class AgentError(Exception):
    """The agent could not do its work. It has its own root because this file stands alone on a device."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        threads: of onnxruntime's operators.
        budget_s: time for all rounds together; at least `FEWEST_ROUNDS` rounds are made however long they take.
        seed: of the random inputs and of the order within a round.
        most_open_bytes: memory that open models may take, at most half of what is free; more models are opened anew
            in each round.
    """

    threads: int = 1
    budget_s: float = 60.0
    seed: int = 0
    most_open_bytes: int = 2**31

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= 256:
            raise AgentError("threads", f"is {self.threads}, allowed are 1 to 256.")
        if not 0 < self.budget_s <= 86_400:
            raise AgentError("budget_s", f"is {self.budget_s}, allowed is more than 0 and up to a day.")


@dataclass
class _Model:
    """One model under measurement; `samples_ms` gains one value per round."""

    name: str
    onnx: bytes
    seed: int
    session: Any = None
    input_name: str = ""
    image: Floats = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    runs: int = FEWEST_RUNS
    samples_ms: list[float] = field(default_factory=list)

    def open(self, threads: int) -> None:
        self.session = _open_session(self.name, self.onnx, threads)
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            raise AgentError(self.name, "must have exactly one input, of float32.")
        shape = [size if isinstance(size, int) else 1 for size in inputs[0].shape]
        if min(shape, default=1) < 1 or math.prod(shape) > 2**26:
            raise AgentError(self.name, f"has input shape {shape}.")
        self.input_name = inputs[0].name
        self.image = np.random.default_rng(self.seed).standard_normal(shape, dtype=np.float32)

    def run_ms(self) -> float:
        """Time one run; a clock that stands still or jumps is an error, not a latency of 0."""
        feed = {self.input_name: self.image}
        start = time.perf_counter_ns()
        try:
            self.session.run(None, feed)
        except _runtime_errors() as error:
            raise AgentError(self.name, f"onnxruntime cannot run the model: {str(error)[:300]}") from error
        elapsed_ms = (time.perf_counter_ns() - start) / 1e6
        if not math.isfinite(elapsed_ms) or elapsed_ms <= 0:
            raise AgentError(self.name, f"a run took {elapsed_ms} ms by this machine's clock, which cannot be.")
        return elapsed_ms

    def warm_up(self) -> float:
        """Fix the runs per sample by the time of a run; return the seconds that a sample will take."""
        fastest_ms = min(self.run_ms() for _ in range(3))
        self.runs = min(max(round(SAMPLE_MS / fastest_ms), FEWEST_RUNS), MOST_RUNS)
        return (self.runs + 1) * fastest_ms / 1000

    def sample(self, threads: int) -> None:
        """Take one sample: the first run, which finds other models' weights in the caches, is not timed."""
        if self.session is None:
            self.open(threads)
        self.run_ms()
        self.samples_ms.append(min(self.run_ms() for _ in range(self.runs)))

    def close_above(self, most_resident: int) -> None:
        if _resident_bytes() > most_resident:
            self.session = None


def measure_plan(
    plan: Path | bytes, options: Options = Options(), on_progress: Progress | None = None
) -> dict[str, Any]:
    """Time every model of a plan.

    Returns:
        A JSON-able result: how it was measured, and per entry `ms`, `first_half_ms` and `second_half_ms` (medians
        over all, the odd and the even rounds; slow drift hits both halves alike), `rounds`, `runs` per sample.

    Raises:
        AgentError: the plan is damaged, a model cannot be run, or the clock is broken.
        OSError: the plan's file cannot be read.
    """
    data = plan if isinstance(plan, bytes) else plan.read_bytes()
    space, models = read_models(data)
    started = time.monotonic()
    entries = _time_all(models, options, on_progress)
    return {
        "format": FORMAT,
        "plan_sha256": hashlib.sha256(data).hexdigest(),
        "space": space,
        "machine": describe_machine(),
        "runtime": "onnxruntime",
        "runtime_version": sys.modules["onnxruntime"].__version__,
        "threads": options.threads,
        "batch": 1,
        "precision": "float32",
        "rounds": next(iter(entries.values()))["rounds"],
        "statistic": STATISTIC,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 3),
        "entries": entries,
    }


def time_models(models: Sequence[bytes], options: Options, on_progress: Progress | None = None) -> list[float]:
    """Median latency in ms of each ONNX model, measured in turns like a plan; what `on_progress` raises ends it.

    Raises:
        AgentError: a model cannot be run, or the clock is broken.
    """
    named = [(f"model {number}", onnx) for number, onnx in enumerate(models)]
    return [entry["ms"] for entry in _time_all(named, options, on_progress).values()]


def _time_all(
    named: Sequence[tuple[str, bytes]], options: Options, on_progress: Progress | None
) -> dict[str, dict[str, Any]]:
    """Measure in rounds, each in a new random order, until the budget is spent."""
    models = [_Model(name, onnx, options.seed + index) for index, (name, onnx) in enumerate(named)]
    rng = np.random.default_rng(options.seed)
    most_resident = _resident_bytes() + min(options.most_open_bytes, _available_bytes() // 2)
    pace = _Pace(len(models), options.budget_s, on_progress)
    round_s = 0.0
    for model in models:
        model.open(options.threads)
        round_s += model.warm_up()
        model.close_above(most_resident)
        pace.step()
    rounds_done, measured_from = 0, time.monotonic()
    while rounds_done < pace.plan_rounds(rounds_done, round_s):
        for index in rng.permutation(len(models)):
            models[index].sample(options.threads)
            models[index].close_above(most_resident)
            pace.step()
        rounds_done += 1
        round_s = (time.monotonic() - measured_from) / rounds_done
    pace.step(0)  # there may be fewer rounds than the last call told
    return {model.name: _summary(model) for model in models}


class _Pace:
    """Plans the number of rounds, always even, and tells the progress."""

    def __init__(self, models: int, budget_s: float, on_progress: Progress | None) -> None:
        self._models, self._on_progress = models, on_progress
        self._deadline = self._finish = time.monotonic() + budget_s
        self._done, self._rounds = 0, MOST_ROUNDS

    def plan_rounds(self, rounds_done: int, round_s: float) -> int:
        """How many rounds there shall be when each takes `round_s`."""
        now = time.monotonic()
        affordable = rounds_done + max(0.0, self._deadline - now) / round_s
        even = 2 * int(min(affordable, MOST_ROUNDS) / 2)
        self._rounds = max(even, FEWEST_ROUNDS, rounds_done + rounds_done % 2)
        self._finish = now + (self._rounds - rounds_done) * round_s
        return self._rounds

    def step(self, samples: int = 1) -> None:
        """Count samples and tell the progress."""
        self._done += samples
        if self._on_progress is not None:
            left_s = max(0.0, self._finish - time.monotonic())
            self._on_progress(self._done, self._models * (1 + self._rounds), left_s)


def _resident_bytes() -> int:
    """Memory of this process; 0 where the system does not tell, and then every model stays open."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def _available_bytes() -> int:
    match = re.search(r"^MemAvailable:\s*(\d+) kB", _read_text(Path("/proc/meminfo")) or "", re.MULTILINE)
    return int(match[1]) * 1024 if match else 2**40


def _summary(model: _Model) -> dict[str, Any]:
    samples = np.array(model.samples_ms)
    return {
        "ms": float(np.median(samples)),
        "first_half_ms": float(np.median(samples[0::2])),
        "second_half_ms": float(np.median(samples[1::2])),
        "rounds": len(samples),
        "runs": model.runs,
    }


def _runtime_errors() -> tuple[type[BaseException], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    found = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return (*found, RuntimeError, ValueError)


def _open_session(name: str, onnx: bytes, threads: int) -> Any:
    import onnxruntime as runtime  # takes half a second, which only a measurement should pay

    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0" if threads == 1 else "1")
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except _runtime_errors() as error:
        raise AgentError(name, f"onnxruntime cannot open the model: {str(error)[:300]}") from error


def read_models(data: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """The space and the named models of a plan zip; sizes and sha256 are checked, nothing is unpacked to disk.

    Raises:
        AgentError: the plan is damaged or of another format.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST_PLAN_BYTES:
                raise AgentError("plan", f"unpacks to more than {LARGEST_PLAN_BYTES} bytes.")
            index = json.loads(_read_entry(archive, "plan.json"))
            if index["format"] != PLAN_FORMAT:
                raise AgentError("plan.json", f"has format {str(index['format'])[:60]!r}; needed is {PLAN_FORMAT!r}.")
            models = [(str(entry["name"]), _read_model(archive, entry)) for entry in index["entries"]]
            space = str(index["space"])
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise AgentError("plan", f"is not a zip file or is damaged: {str(error)[:200]}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise AgentError("plan.json", f"does not keep the format: {str(error)[:200]}") from error
    if not models or len(dict(models)) != len(models):
        raise AgentError("plan.json", "lists no model, or one name twice.")
    return space, models


def _read_model(archive: zipfile.ZipFile, entry: dict[str, Any]) -> bytes:
    name = str(entry["name"])
    onnx = _read_entry(archive, f"models/{name}.onnx")
    if hashlib.sha256(onnx).hexdigest() != entry["sha256"]:
        raise AgentError(name, "the model differs from the sha256 in plan.json. Get the plan again.")
    return onnx


def _read_entry(archive: zipfile.ZipFile, name: str) -> bytes:
    member = archive.getinfo(name)
    if member.file_size > LARGEST_MODEL_BYTES:
        raise AgentError(name, f"is {member.file_size} bytes, allowed are {LARGEST_MODEL_BYTES}.")
    with archive.open(member) as file:
        return file.read(LARGEST_MODEL_BYTES)


ARM_CORES = {
    "0xd03": "Cortex-A53", "0xd05": "Cortex-A55", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72", "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75", "0xd0b": "Cortex-A76", "0xd0c": "Neoverse-N1", "0xd0d": "Cortex-A77", "0xd41": "Cortex-A78",
    "0xd40": "Neoverse-V1", "0xd44": "Cortex-X1", "0xd49": "Neoverse-N2", "0xd4f": "Neoverse-V2",
}  # fmt: skip
"""CPU part numbers of implementer 0x41 in /proc/cpuinfo, which has no model name on most ARM boards."""
TELLING_FEATURES = (
    "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_bf16", "amx_int8",
    "neon", "asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2",
)  # fmt: skip


def describe_machine(root: Path = Path("/")) -> dict[str, Any]:
    """Processor, cores, instruction sets, frequency, system; "unknown" or None for what the system does not tell."""
    cpuinfo = _read_text(root / "proc/cpuinfo") or ""
    frequency = root / "sys/devices/system/cpu/cpu0/cpufreq"
    flags = set(_cpuinfo_value(cpuinfo, "flags|Features").split())
    most_khz = _read_text(frequency / "cpuinfo_max_freq") or ""
    return {
        "processor": processor_name(cpuinfo),
        "board": (_read_text(root / "proc/device-tree/model") or "").rstrip("\0") or None,
        "architecture": platform.machine() or "unknown",
        "cores": os.cpu_count(),
        "features": [name for name in TELLING_FEATURES if name in flags],
        "frequency_mhz": int(most_khz) / 1000 if most_khz.isdigit() else None,
        "governor": _read_text(frequency / "scaling_governor"),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def processor_name(cpuinfo: str) -> str:
    """The processor's name from the text of /proc/cpuinfo; on ARM the names of its kinds of cores."""
    name = _cpuinfo_value(cpuinfo, "model name")
    if name:
        return name
    parts = re.findall(r"^CPU part\s*:\s*(\w+)", cpuinfo, re.MULTILINE)
    if parts and _cpuinfo_value(cpuinfo, "CPU implementer") == "0x41":
        return " + ".join(f"Arm {ARM_CORES.get(part, f'part {part}')}" for part in dict.fromkeys(parts))
    return platform.processor() or platform.machine() or "unknown"


def _cpuinfo_value(cpuinfo: str, names: str) -> str:
    match = re.search(rf"^(?:{names})[ \t]*:[ \t]*(.*)$", cpuinfo, re.MULTILINE)
    return match[1].strip() if match else ""


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _print_progress(done: int, total: int, seconds_left: float) -> None:
    if done == total or done % max(total // 100, 1) == 0:
        print(f"\r{100 * done // total:3d} %  {seconds_left:4.0f} s left ", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Measure a plan from the command line; 0 when the result was written."""
    parser = argparse.ArgumentParser(description="Time the models of a lutnas measurement plan on this machine.")
    parser.add_argument("--plan", type=Path, required=True, help="plan.zip from the server")
    parser.add_argument("--out", type=Path, required=True, help="where to write the result (JSON)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget-s", type=float, default=60.0, help="seconds to measure (default 60)")
    arguments = parser.parse_args()
    try:
        result = measure_plan(arguments.plan, Options(arguments.threads, arguments.budget_s), _print_progress)
        temporary = arguments.out.with_name(f".{arguments.out.name}.part")
        temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        temporary.replace(arguments.out)
    except (AgentError, OSError) as error:
        print(f"agent: {error}", file=sys.stderr)
        return 1
    print(f"\nMeasured {len(result['entries'])} models in {result['seconds']:.0f} s: {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
