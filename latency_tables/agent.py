"""The measuring agent: times the models of a measurement plan on this machine.

Part `latency_tables/` of the way of the data (DESIGN.md, section 2). One file that needs only Python 3.9, its standard
library, numpy and onnxruntime, so that it can be copied to a device and run there:

    python agent.py --server http://host:8000 --device rpi5 --space fbnet-cifar10 [--networks 20]
    python agent.py --plan plan.zip --out result.json
    python agent.py --upload result.json --server http://host:8000 --device rpi5 --space fbnet-cifar10

The first measures the server's plan and uploads the result, the others do one half each. `measure_plan` is the same
from Python; `estimate.estimate_table` turns the result into a latency table. Why one long file: docs/decisions.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 9):
    sys.exit(f"agent: needs Python 3.9 or newer; this is {sys.version.split()[0]}.")

import argparse
import hashlib
import io
import json
import math
import os
import platform
import re
import shlex
import signal
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPMessage, IncompleteRead
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

try:
    import numpy as np
except ImportError as error:
    sys.exit(f"agent: numpy is missing ({error}). Install it: {sys.executable} -m pip install numpy onnxruntime")

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

FORMAT = "lutnas-measurement/2"
PLAN_FORMAT = "lutnas-measurement-plan/2"
JOURNAL_FORMAT = "lutnas-journal/1"
LARGEST_MODEL_BYTES = 64 * 2**20
LARGEST_PLAN_BYTES = 512 * 2**20
FEWEST_ROUNDS, MOST_ROUNDS = 4, 500
SAMPLE_MS = 12.0
"""A sample of one model repeats it for about this long: single runs of short operators are too noisy."""
FEWEST_RUNS, MOST_RUNS = 8, 20
STATISTIC = (
    "fastest over rounds of samples; a sample is the fastest of 8 to 20 consecutive runs (about 12 ms), after one"
    " untimed run"
)
SETTLED_ROUNDS, SETTLED_GAIN, SETTLED_SPREAD, SETTLED_SHARE = 12, 0.003, 0.01, 0.95
"""Measured enough: from this round on, where for this share of the models the later half of the rounds was not faster
by more than the gain, and the three fastest samples lie within the spread."""
SENTINELS = 3
MOST_DRIFT, MOST_DISAGREEMENT = 0.05, 0.03
"""Above these the result warns: slow-down of the sentinels, difference of the two halves of the middle model."""
FEWEST_NETWORKS = 5  # of a few-shot plan
ATTEMPTS, LONGEST_WAIT_S, TIMEOUT_S = 5, 300.0, 120.0
"""Of a request to the server, whose plan may have to be made first."""

Progress = Callable[[int, int, float], None]
"""Called with samples done, samples planned and the seconds left."""


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
        early_stop: end before the budget is spent once further rounds make hardly any model faster.
    """

    threads: int = 1
    budget_s: float = 120.0
    seed: int = 0
    most_open_bytes: int = 2**33
    early_stop: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= 256:
            raise AgentError("threads", f"is {self.threads}, allowed are 1 to 256.")
        if not 0 < self.budget_s <= 86_400:
            raise AgentError("budget_s", f"is {self.budget_s}, allowed is more than 0 and up to a day.")


@dataclass
class _Model:
    """One model under measurement; `seconds` is the time spent on it."""

    name: str
    onnx: bytes
    seed: int
    session: Any = None
    input_name: str = ""
    image: Floats = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    runs: int = FEWEST_RUNS
    fastest_ms: float = math.inf
    seconds: float = 0.0

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

    def warm_up(self, threads: int) -> None:
        """Open it and fix the runs per sample by the time of a run."""
        begin = time.monotonic()
        self.open(threads)
        self.fastest_ms = min(self.run_ms() for _ in range(3))
        self.runs = min(max(round(SAMPLE_MS / self.fastest_ms), FEWEST_RUNS), MOST_RUNS)
        self.seconds += time.monotonic() - begin

    def sample(self, threads: int) -> float:
        """Take one sample in ms: the first run, which finds other models' weights in the caches, is not timed."""
        if self.session is None:
            self.open(threads)
        self.run_ms()
        return min(self.run_ms() for _ in range(self.runs))

    def close_above(self, most_resident: int) -> None:
        if _resident_bytes() > most_resident:
            self.session = None


def measure_plan(
    plan: Path | bytes, options: Options = Options(), on_progress: Progress | None = None, journal: Path | None = None
) -> dict[str, Any]:
    """Time every model of a plan.

    Args:
        plan: the zip or its file.
        options: how to measure.
        on_progress: is told after every sample.
        journal: file that keeps every finished round; delete it once the result is safe. Rounds that it holds of the
            same plan, options and machine are continued.

    Returns:
        A JSON-able result: how it was measured, and per entry `ms`, `first_half_ms` and `second_half_ms` (fastest over
        all, the odd and the even rounds; slow drift hits both halves alike), `rounds`, `runs` per sample and the
        `seconds` spent on it.

    Raises:
        AgentError: the plan is damaged, a model cannot be run, onnxruntime is missing, or the clock is broken.
        OSError: the plan's file cannot be read, or the journal not be written.
    """
    data = plan if isinstance(plan, bytes) else plan.read_bytes()
    recipe, space, models = read_models(data)
    machine = describe_machine()
    conditions = {
        "plan_sha256": hashlib.sha256(data).hexdigest(),
        "space": space,
        "machine": machine,
        "runtime": "onnxruntime",
        "runtime_version": _runtime().__version__,
        "threads": options.threads,
        "batch": 1,
        "precision": "float32",
        "statistic": STATISTIC,
    }
    header = {**conditions, "seed": options.seed, "machine": _identity(machine)}
    record = _time_all(models, options, on_progress, _Journal(journal, header) if journal else None)
    machine["temperature_end_c"] = _temperature_c(Path("/"))
    names = [name for name, _ in models]
    drift, entries = record.drift(names), record.entries(names)
    return {
        "format": FORMAT,
        **conditions,
        "plan_recipe": recipe,
        "rounds": len(record.samples_ms),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(record.seconds, 3),
        "stopped_early": record.stopped_early,
        "interruptions": record.interruptions,
        "drift": drift,
        "warnings": _warnings(machine, options, drift, entries),
        "entries": entries,
    }


def time_models(
    models: Sequence[bytes], options: Options = Options(), on_progress: Progress | None = None
) -> list[float]:
    """Fastest latency in ms of each ONNX model, measured in turns like a plan; what `on_progress` raises ends it.

    Raises:
        AgentError: a model cannot be run, or the clock is broken.
    """
    named = [(f"model {number}", onnx) for number, onnx in enumerate(models)]
    record = _time_all(named, options, on_progress, sentinels=0)
    return [min(samples) for samples in zip(*record.samples_ms)]


@dataclass
class _Record:
    """What was measured so far; the journal keeps it.

    Attributes:
        runs: per model in the order of the plan, runs of one sample.
        sentinels: numbers of the models that are measured again and again within a round to see drift.
        samples_ms: a row per round, `(rounds, models)`.
        spent_s: per model, time spent on it.
        turns: of the sentinels: seconds since the start, then a sample of each.
        seconds: spent so far, without interruptions.
        interruptions: after which round, and for how many seconds.
    """

    runs: list[int] = field(default_factory=list)
    sentinels: list[int] = field(default_factory=list)
    samples_ms: list[list[float]] = field(default_factory=list)
    spent_s: list[float] = field(default_factory=list)
    turns: list[list[float]] = field(default_factory=list)
    seconds: float = 0.0
    interruptions: list[dict[str, float]] = field(default_factory=list)
    stopped_early: bool = False

    def prepare(self, models: Sequence[_Model], sentinels: int) -> None:
        """Choose runs and sentinels by the times of the warm-up, or go on with those of before an interruption."""
        if not self.samples_ms:
            slowest_last = sorted(range(len(models)), key=lambda number: models[number].fastest_ms)
            ranks = [(2 * place + 1) * len(models) // (2 * sentinels) for place in range(sentinels)]
            self.sentinels = [slowest_last[rank] for rank in dict.fromkeys(ranks)]
            self.runs = [model.runs for model in models]
            self.spent_s = [0.0] * len(models)
        for model, runs, spent_s in zip(models, self.runs, self.spent_s):
            model.runs = runs
            model.seconds += spent_s

    def settled(self) -> bool:
        """Whether more rounds would hardly change the times: the later half hardly has, and lucky ones are not alone.

        Odd and even rounds are not compared here, so that their difference stays a fair measure of repeatability.
        """
        rounds = len(self.samples_ms)
        if rounds < SETTLED_ROUNDS or rounds % 2:
            return False
        samples = np.array(self.samples_ms)
        fastest = np.sort(samples, axis=0)[:3]
        gain = np.quantile(1 - fastest[0] / samples[: rounds // 2].min(axis=0), SETTLED_SHARE)
        spread = np.quantile(fastest[2] / fastest[0] - 1, SETTLED_SHARE)
        return bool(gain <= SETTLED_GAIN and spread <= SETTLED_SPREAD)

    def entries(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        samples = np.array(self.samples_ms)
        halves = samples[0::2].min(axis=0).tolist(), samples[1::2].min(axis=0).tolist()
        rows = zip(names, *halves, self.runs, self.spent_s)
        return {
            name: {
                "ms": min(first, second),
                "first_half_ms": first,
                "second_half_ms": second,
                "rounds": len(samples),
                "runs": runs,
                "seconds": round(spent_s, 3),
            }
            for name, first, second, runs, spent_s in rows
        }

    def drift(self, names: Sequence[str]) -> dict[str, Any] | None:
        """How much slower the sentinels were in one third of the time than in another; None with too few turns.

        Of a third counts the lower quartile: a short disturbance slows some turns, a hot or throttled processor all.
        """
        if len(self.turns) < 6:
            return None
        times = np.array(self.turns)[:, 1:]
        slowness = np.median(times / times.min(axis=0), axis=1)
        thirds = np.array([np.quantile(third, 0.25) for third in np.array_split(slowness, 3)])
        return {
            "sentinels": [names[number] for number in self.sentinels],
            "turns": len(self.turns),
            "thirds": np.round(thirds / thirds.min(), 4).tolist(),
            "slow_down": round(float(thirds.max() / thirds.min() - 1), 4),
        }


def _time_all(
    named: Sequence[tuple[str, bytes]],
    options: Options,
    on_progress: Progress | None = None,
    journal: _Journal | None = None,
    sentinels: int = SENTINELS,
) -> _Record:
    """Measure in rounds, each in a new random order, until the budget is spent or the times are settled."""
    models = [_Model(name, onnx, options.seed + index) for index, (name, onnx) in enumerate(named)]
    record = journal.read(len(models)) if journal else _Record()
    pace = _Pace(len(models), options.budget_s, record, on_progress)
    most_resident = _resident_bytes() + min(options.most_open_bytes, _available_bytes() // 2)
    for model in models:
        model.warm_up(options.threads)
        model.close_above(most_resident)
        pace.warmed_up(model)
    if sentinels:  # those without are a few models that a program times: nobody watches its terminal
        pace.tell_overrun()
    record.prepare(models, min(sentinels, len(models)))
    while len(record.samples_ms) < pace.plan_rounds(len(record.samples_ms)):
        if options.early_stop and record.settled():
            record.stopped_early = True
            break
        _measure_round(models, options, record, pace, most_resident)
        record.seconds = pace.elapsed_s()
        if journal:
            journal.add(record)
    pace.finish(len(record.samples_ms))
    return record


def _measure_round(
    models: Sequence[_Model], options: Options, record: _Record, pace: _Pace, most_resident: int
) -> None:
    """Add one sample of every model to the record; the sentinels have several turns, spread evenly."""

    def sample(number: int) -> float:
        begin = time.monotonic()
        taken = models[number].sample(options.threads)
        models[number].close_above(most_resident)
        models[number].seconds += time.monotonic() - begin
        return taken

    begin = time.monotonic()
    order = np.random.default_rng([options.seed, len(record.samples_ms)]).permutation(len(models)).tolist()
    turns = min(max(len(models) // 30, 2), 6) if record.sentinels else 0
    due = [int((turn + 0.5) * len(models) / turns) for turn in range(turns)]
    row = [0.0] * len(models)
    for place, number in enumerate(order):
        for _ in range(due.count(place)):
            record.turns.append([round(pace.elapsed_s(), 3), *map(sample, record.sentinels)])
        row[number] = sample(number)
        pace.step()
    record.samples_ms.append(row)
    record.spent_s = [model.seconds for model in models]
    pace.round_s = time.monotonic() - begin


class _Pace:
    """Plans the number of rounds, always even, and tells the progress."""

    def __init__(self, models: int, budget_s: float, record: _Record, on_progress: Progress | None) -> None:
        self._models, self._on_progress = models, on_progress
        self._started = time.monotonic() - record.seconds
        self._deadline = self._finish = self._started + budget_s
        self._rounds_before, self._rounds = len(record.samples_ms), FEWEST_ROUNDS
        self._done = models * self._rounds_before
        self._warm, self._warm_up_s, self._sampling_s = 0, 0.0, 0.0
        self.round_s = 0.0

    def elapsed_s(self) -> float:
        """Seconds spent on this measurement, those before an interruption included."""
        return time.monotonic() - self._started

    def warmed_up(self, model: _Model) -> None:
        """Count a model's warm-up; the rounds are foreseen as if the models to come were like those so far."""
        self._warm += 1
        self._warm_up_s += model.seconds
        self._sampling_s += (model.runs + 1) * model.fastest_ms / 1000 + (0 if model.session else model.seconds)
        self.round_s = self._sampling_s * self._models / self._warm
        self.plan_rounds(self._rounds_before, self._warm_up_s * (self._models / self._warm - 1))
        self.step()

    def plan_rounds(self, rounds_done: int, later_s: float = 0.0) -> int:
        """How many rounds there shall be when each takes `round_s`, and they begin so much later."""
        now = time.monotonic() + later_s
        affordable = rounds_done + max(0.0, self._deadline - now) / max(self.round_s, 1e-9)
        even = 2 * int(min(affordable, MOST_ROUNDS) / 2)
        self._rounds = max(even, FEWEST_ROUNDS, rounds_done + rounds_done % 2)
        self._finish = now + (self._rounds - rounds_done) * self.round_s
        return self._rounds

    def tell_overrun(self) -> None:
        """Say it where even the fewest rounds take longer than the budget."""
        budget_s, needed_s = self._deadline - self._started, self._finish - self._started
        if self._rounds == FEWEST_ROUNDS and needed_s > budget_s:
            _say(f"\n{FEWEST_ROUNDS} rounds, the fewest, take about {needed_s:.0f} s; the budget is {budget_s:g} s.")

    def step(self, samples: int = 1) -> None:
        """Count samples and tell the progress."""
        self._done += samples
        if self._on_progress is not None:
            left_s = max(0.0, self._finish - time.monotonic())
            self._on_progress(self._done, self._models * (1 + self._rounds), left_s)

    def finish(self, rounds: int) -> None:
        """Tell that all is done; there may be fewer rounds than the last step told."""
        self._rounds, self._finish = rounds, time.monotonic()
        self.step(0)


class _Journal:
    """Keeps finished rounds in a file, a line of JSON each, so that an interrupted measurement can go on."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self._path = path
        self._header = json.loads(json.dumps({"format": JOURNAL_FORMAT, **header}))

    def read(self, models: int) -> _Record:
        """The rounds of before an interruption; none where the file is absent or of something else, which it keeps."""
        record = _Record()
        if not self._path.exists():
            return record
        data = self._path.read_bytes()
        lines = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)  # a line cut short ends without a line feed
        if not lines or _parse_json(lines[0]) != self._header:
            asides = (self._path.with_name(f"{self._path.name}.old{number or ''}") for number in range(10**6))
            aside = next(path for path in asides if not path.exists())
            self._path.replace(aside)
            _say(f"{self._path} is of another plan, machine or other options: kept as {aside}. Beginning anew.")
            return record
        kept = len(lines[0])
        at = time.time()
        for line in lines[1:]:
            document = _parse_json(line)
            if not _extend(record, document, models):
                break
            kept, at = kept + len(line), float(document["at"])
        os.truncate(self._path, kept)
        if record.samples_ms:
            gap_s = round(max(0.0, time.time() - at), 1)
            record.interruptions.append({"after_round": len(record.samples_ms), "gap_s": gap_s})
            _say(f"Continuing after round {len(record.samples_ms)}, kept in {self._path} {gap_s:.0f} s ago.")
        return record

    def add(self, record: _Record) -> None:
        """Keep the record's last round, safe from a power cut."""
        done = len(record.samples_ms)
        document = {
            "at": time.time(),
            "samples_ms": record.samples_ms[-1],
            "turns": record.turns[-(len(record.turns) // done) :],
            **{name: getattr(record, name) for name in _KEPT_WHOLE},
        }
        with self._path.open("ab") as file:
            if file.tell() == 0:
                file.write(json.dumps(self._header).encode() + b"\n")
            file.write(json.dumps(document, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


_KEPT_WHOLE = ("runs", "sentinels", "spent_s", "seconds", "interruptions")


def _extend(record: _Record, document: Any, models: int) -> bool:
    """Add a journal's round to the record; False where it is none of so many models."""
    try:
        row = [float(ms) for ms in document["samples_ms"]]
        turns = [[float(value) for value in turn] for turn in document["turns"]]
        whole = {name: document[name] for name in _KEPT_WHOLE}
        float(document["at"])
        sizes = {len(row), len(whole["runs"]), len(whole["spent_s"])}
    except (KeyError, TypeError, ValueError):
        return False
    if sizes != {models} or not all(ms > 0 for ms in row):
        return False
    record.samples_ms.append(row)
    record.turns.extend(turns)
    for name in _KEPT_WHOLE:
        setattr(record, name, whole[name])
    return True


def _parse_json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _warnings(
    machine: dict[str, Any], options: Options, drift: dict[str, Any] | None, entries: dict[str, dict[str, Any]]
) -> list[str]:
    """What a reader of the times must know, in words."""
    found = []
    if machine["emulated"]:
        found.append(
            f"This processor is emulated ({machine['emulation']}): the times say nothing about how fast a device is."
        )
    if machine["cores"] and options.threads > machine["cores"]:
        found.append(f"{options.threads} threads share {machine['cores']} cores.")
    if drift is not None and drift["slow_down"] > MOST_DRIFT:
        found.append(
            f"The device was {drift['slow_down']:.0%} slower for a part of the measurement: thermal limits or other"
            " programs. Cool it, end other programs, set its frequency governor to performance, and measure again."
        )
    halves = np.array([(entry["first_half_ms"], entry["second_half_ms"]) for entry in entries.values()])
    differ = float(np.median(np.abs(halves[:, 1] / halves[:, 0] - 1)))
    if differ > MOST_DISAGREEMENT:
        found.append(
            f"Two halves of the measurement differ by {differ:.1%} for the middle model: something disturbs it. End"
            " other programs, or measure longer (agent.py --budget-s, lutnas measure --budget)."
        )
    return found


def _resident_bytes() -> int:
    """Memory of this process; 0 where the system does not tell, and then every model stays open."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def _available_bytes() -> int:
    return _memory_bytes("MemAvailable", Path("/")) or 2**40


def _memory_bytes(name: str, root: Path) -> int | None:
    match = re.search(rf"^{name}:\s*(\d+) kB", _read_text(root / "proc/meminfo") or "", re.MULTILINE)
    return int(match[1]) * 1024 if match else None


def _runtime() -> Any:
    try:
        import onnxruntime  # takes half a second, which only a measurement should pay
    except ImportError as error:
        reason = f"cannot be imported ({error}). Install it: {sys.executable} -m pip install onnxruntime"
        raise AgentError("onnxruntime", reason) from error
    return onnxruntime


def _runtime_errors() -> tuple[type[BaseException], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    found = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return (*found, RuntimeError, ValueError)


def _open_session(name: str, onnx: bytes, threads: int) -> Any:
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0" if threads == 1 else "1")
    # Between two runs the threads of hundreds of open sessions would spin, and take the cores from the one measured.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except _runtime_errors() as error:
        raise AgentError(name, f"onnxruntime cannot open the model: {str(error)[:300]}") from error


def read_models(data: bytes) -> tuple[Any, str, list[tuple[str, bytes]]]:
    """Recipe, space and named models of a plan zip; sizes and sha256 are checked, nothing is unpacked to disk.

    Raises:
        AgentError: the plan is damaged or of another format.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST_PLAN_BYTES:
                raise AgentError("plan", f"unpacks to more than {LARGEST_PLAN_BYTES} bytes.")
            index = json.loads(_read_entry(archive, "plan.json"))
            if index["format"] != PLAN_FORMAT:
                raise AgentError(
                    "plan.json",
                    f"has format {str(index['format'])[:60]!r}; needed is {PLAN_FORMAT!r}. Get agent.py and the plan"
                    " from the same server.",
                )
            models = [(str(entry["name"]), _read_model(archive, entry)) for entry in index["entries"]]
            space, recipe = str(index["space"]), index["recipe"]
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise AgentError("plan", f"is not a zip file or is damaged: {str(error)[:200]}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise AgentError("plan.json", f"does not keep the format: {str(error)[:200]}") from error
    if not models or len(dict(models)) != len(models):
        raise AgentError("plan.json", "lists no model, or one name twice.")
    return recipe, space, models


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
    emulated = emulation(platform.machine(), root)
    return {
        "processor": processor_name(cpuinfo) + (f", emulated by {emulated}" if emulated else ""),
        "board": (_read_text(root / "proc/device-tree/model") or "").rstrip("\0") or None,
        "architecture": platform.machine() or "unknown",
        "cores": os.cpu_count(),
        "features": [name for name in TELLING_FEATURES if name in flags],
        "frequency_mhz": _megahertz(frequency / "cpuinfo_max_freq"),
        "frequency_now_mhz": _megahertz(frequency / "scaling_cur_freq") or _listed_megahertz(cpuinfo),
        "governor": _read_text(frequency / "scaling_governor") or None,
        "temperature_c": _temperature_c(root),
        "memory_bytes": _memory_bytes("MemTotal", root),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "emulated": emulated is not None,
        "emulation": emulated,
    }


def _identity(machine: dict[str, Any]) -> dict[str, Any]:
    """What of a machine does not change from one measurement to the next, not even by a few kB after a reboot."""
    changing = ("frequency_mhz", "frequency_now_mhz", "temperature_c", "governor", "memory_bytes")
    return {name: value for name, value in machine.items() if name not in changing}


def emulation(architecture: str, root: Path = Path("/")) -> str | None:
    """What emulates this processor: "qemu-user", "qemu-system", "rosetta"; None where nothing tells of it.

    A virtual machine whose code runs on the real processor (KVM) is not emulated. qemu-user shows programs its own
    /proc/self, but neither the name of its process, nor /proc/thread-self, nor the host's /sys.
    """
    arm, x86 = bool(re.match("aarch64|arm", architecture)), bool(re.fullmatch("x86_64|i.86|amd64", architecture))
    cpuinfo = _read_text(root / "proc/cpuinfo") or ""
    started = _read_text(root / "proc/thread-self/cmdline") or ""
    kernel = re.match(r"cpu:type:(x86|aarch64)", _read_text(root / "sys/devices/system/cpu/modalias") or "")
    signs = (
        re.match(r"[^\0]*(qemu-[a-z0-9_]+|-binfmt-P?)[^/\0]*\0", started),
        re.match(r"Name:\s*qemu-", _read_text(root / "proc/self/status") or ""),
        arm and re.search(r"^(vendor_id|flags)\s*:", cpuinfo, re.MULTILINE),
        x86 and re.search(r"^CPU implementer\s*:", cpuinfo, re.MULTILINE),
        kernel and not (arm if kernel[1] == "aarch64" else x86),
    )
    if "VirtualApple" in cpuinfo:
        return "rosetta"
    if any(signs):
        return "qemu-user"
    clocks = _read_text(root / "sys/devices/system/clocksource/clocksource0/available_clocksource") or ""
    software = re.search(r"QEMU TCG CPU|^CPU implementer\s*: 0x00$", cpuinfo, re.MULTILINE)
    plain_qemu = "QEMU Virtual CPU" in cpuinfo and "kvm-clock" not in clocks
    return "qemu-system" if software or plain_qemu else None


def _megahertz(path: Path) -> float | None:
    kilohertz = _read_text(path) or ""
    return int(kilohertz) / 1000 if kilohertz.isdigit() and int(kilohertz) else None


def _listed_megahertz(cpuinfo: str) -> float | None:
    """Of the first core in the text of /proc/cpuinfo: virtual machines have no cpufreq."""
    match = re.search(r"^cpu MHz[ \t]*:[ \t]*(\d+(?:\.\d+)?)$", cpuinfo, re.MULTILINE)
    return (float(match[1]) or None) if match else None


def _temperature_c(root: Path) -> float | None:
    """Of the hottest zone that has a plausible one."""
    zones = [_read_text(path) or "" for path in root.glob("sys/class/thermal/thermal_zone*/temp")]
    plausible = [int(zone) / 1000 for zone in zones if zone.isdigit() and 1000 <= int(zone) <= 150_000]
    return max(plausible, default=None)


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


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects without ever giving the token to another host, port or scheme."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and _origin(newurl) != _origin(req.full_url):
            following.remove_header("Authorization")
        return following


class Server:
    """The service that gives plans and takes results."""

    def __init__(self, url: str, token: str | None = None) -> None:
        if not _is_address(url):
            raise AgentError("--server", f"{url[:200]!r} is no address like http://host:8000.")
        self._url, self._token = url.rstrip("/"), (token or "").strip()
        if not re.fullmatch("[!-~]*", self._token):
            raise AgentError("--token", "has characters that no token has.")
        self._opener = urllib.request.build_opener(_SameHost)

    def plan(self, space: str, networks: int | None) -> bytes:
        """Download the measurement plan of a space; with `networks` the one of so few networks."""
        few_shot = f"?networks={networks}" if networks is not None else ""
        return self._ask("GET", f"/v1/spaces/{_safe_name(space)}/measurement-plan{few_shot}")

    def put(self, device: str, space: str, result: bytes) -> dict[str, Any]:
        """Upload a result; what the server says of the table that it made."""
        answer = _parse_json(self._ask("PUT", f"/v1/devices/{_safe_name(device)}/tables/{_safe_name(space)}", result))
        return answer if isinstance(answer, dict) else {}

    def _ask(self, method: str, path: str, body: bytes | None = None, attempt: int = 1) -> bytes:
        """One answer, asked for again while the server cannot be reached or asks to come back later."""
        try:
            return self._send(method, path, body)
        except _LaterError as later:
            wait_s = later.wait_s if later.wait_s is not None else 2.0 ** (attempt - 1)
            if attempt == ATTEMPTS or wait_s > LONGEST_WAIT_S:
                raise AgentError(self._url, f"{later} Try again later.") from later
            _say(f"{later} Trying again in {wait_s:.0f} s ({attempt} of {ATTEMPTS - 1}).")
        time.sleep(wait_s)
        return self._ask(method, path, body, attempt + 1)

    def _send(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {"Accept": "application/json, application/zip", "User-Agent": f"lutnas-agent ({FORMAT})"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self._url + path, body, headers, method=method)  # noqa: S310 # http(s) only
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                content: bytes = answer.read(LARGEST_PLAN_BYTES + 1)
            if len(content) > LARGEST_PLAN_BYTES:
                raise AgentError(self._url, f"sends more than {LARGEST_PLAN_BYTES} bytes.")
            if len(content) < int(answer.headers.get("Content-Length", 0)):
                raise IncompleteRead(content)
            return content
        except urllib.error.HTTPError as error:
            raise _refusal(self._url, error) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise AgentError(self._url, f"has no certificate that this device trusts: {reason}") from error
            raise _LaterError(f"{self._url} cannot be reached: {reason}.") from error


class _LaterError(Exception):
    """The server may answer later."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    """What a status other than success means, with what the problem document says."""
    if error.code in (429, 502, 503, 504):
        return _LaterError(f"{url} answers {error.code} {error.reason}.", _retry_after_s(error.headers["Retry-After"]))
    if 300 <= error.code < 400:
        return AgentError(url, f"sends elsewhere: {error.headers['Location']}. Give that as --server if it is right.")
    try:
        problem = _parse_json(error.read(2**20))
    except (OSError, HTTPException):
        problem = None
    lines = [f"answers {error.code} {error.reason}."]
    if isinstance(problem, dict):
        lines[0] = f"answers {error.code}: {problem.get('detail') or problem.get('title') or error.reason}"
        faults = problem.get("errors")
        listed = [fault for fault in faults if isinstance(fault, dict)] if isinstance(faults, list) else []
        lines += [f"  {fault['pointer']}: {fault.get('detail')}" for fault in listed[:20] if fault.get("pointer")]
    return AgentError(url, "\n".join(lines))


def _retry_after_s(header: str | None) -> float | None:
    """Seconds from a number or a date; None where there is neither."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _is_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        surplus = parts.query or parts.fragment or parts.username or parts.port == 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not surplus


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _safe_name(name: str) -> str:
    if not re.fullmatch("[a-z0-9][a-z0-9._-]{0,63}", name):
        raise AgentError(
            repr(name[:80]),
            "is no safe name: use 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit.",
        )
    return name


def _answer_lines(answer: dict[str, Any]) -> list[str]:
    """What the server says of the table, in words."""
    warned = answer.get("warnings")
    listed = [item for item in warned if isinstance(item, dict)] if isinstance(warned, list) else []
    warnings = [f"Warning: {item.get('detail')}" for item in listed]
    honesty = answer.get("honesty")
    if not isinstance(honesty, dict):
        return ["The server has stored the table; it has no figures on held-out networks.", *warnings]
    shares = {
        "mape": "mean error",
        "within_5": "within 5 %",
        "within_10": "within 10 %",
        "interval_coverage": "inside the 90 % interval",
        "repeatability_mape": "mean difference when measured twice",
    }
    known = [f"{words} {honesty[name]:.1%}" for name, words in shares.items() if isinstance(honesty.get(name), float)]
    tau = honesty.get("kendall_tau")
    known += [f"Kendall tau {tau:.3f}"] if isinstance(tau, float) else []
    return [f"The table on {honesty.get('networks')} networks that a fit did not see: {', '.join(known)}.", *warnings]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_progress(done: int, total: int, seconds_left: float) -> None:
    if done == total or done % max(total // 100, 1) == 0:
        end = "\n" if done == total else ""
        print(f"\r{100 * done // total:3d} %  {seconds_left:4.0f} s left ", end=end, file=sys.stderr, flush=True)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="agent.py", description="Time the models of a lutnas measurement plan on this machine."
    )
    parser.add_argument("--server", help="address of the service: gives the plan and takes the result")
    parser.add_argument("--device", help="name of this device on the server")
    parser.add_argument("--space", help="search space whose plan is measured")
    parser.add_argument("--token", default=os.environ.get("LUTNAS_TOKEN"), help="default: environment LUTNAS_TOKEN")
    parser.add_argument("--networks", type=int, help="few-shot: time so many whole networks only (10 to 30)")
    parser.add_argument("--plan", type=Path, help="plan.zip from the server, instead of downloading it")
    parser.add_argument("--out", type=Path, help="where to write the result (JSON)")
    parser.add_argument("--upload", type=Path, metavar="RESULT", help="upload this result and measure nothing")
    parser.add_argument("--threads", type=int, default=1, help="threads of onnxruntime (default 1)")
    parser.add_argument("--budget-s", type=float, default=120.0, help="seconds to measure (default 120)")
    given = parser.parse_args(arguments)
    if given.server and not (given.device and given.space):
        parser.error("--server needs --device and --space")
    if not given.server and (given.upload or not (given.plan and given.out)):
        parser.error("give --server with --device and --space, or --plan and --out to measure offline")
    if given.networks is not None and (given.plan or given.upload):
        parser.error("--networks chooses the server's plan: it does not go with --plan or --upload")
    if given.networks is not None and given.networks < FEWEST_NETWORKS:
        parser.error(f"--networks {given.networks}: few-shot needs at least {FEWEST_NETWORKS} networks; take 10 to 30")
    return given


def _measure(given: argparse.Namespace, server: Any) -> Path:
    """Measure and write the result; the journal goes once the result is safe."""
    options = Options(given.threads, given.budget_s)
    out: Path = given.out or Path(f"lutnas-{given.device}-{given.space}.json")
    if not out.parent.is_dir():
        raise AgentError(str(out.parent), "is no folder. Make it, or give another --out.")
    _runtime()  # says that it is missing before anything is downloaded
    plan = given.plan.read_bytes() if given.plan else server.plan(given.space, given.networks)
    journal, temporary = out.with_name(f"{out.name}.journal"), out.with_name(f".{out.name}.part")
    temporary.write_bytes(b"")  # a folder that cannot be written is better known before the measurement
    temporary.unlink()
    try:
        result = measure_plan(plan, options, _print_progress, journal)
    except KeyboardInterrupt:
        kept = f"Its rounds are kept in {journal}: the same command continues." if journal.exists() else ""
        _say(f"\nStopped. {kept or 'No round was finished.'}")
        raise
    temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    temporary.replace(out)
    journal.unlink(missing_ok=True)
    print(f"Measured {len(result['entries'])} models in {result['seconds']:.0f} s: {out}")
    for warning in result["warnings"]:
        print(f"Warning: {warning}")
    return out


def _upload(given: argparse.Namespace, server: Server, result: Path) -> int:
    try:
        answer = server.put(given.device, given.space, result.read_bytes())
    except AgentError as error:
        _say(f"agent: {error}")
        again = ["--upload", str(result), "--server", given.server, "--device", given.device, "--space", given.space]
        _say(f"The result is kept in {result}. Upload it later: python {shlex.join([sys.argv[0], *again])}")
        return 3
    print("\n".join(_answer_lines(answer)))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, upload or both; 0 when all is done, 1 when measuring failed, 3 when only the upload failed."""
    given = _parse_arguments(arguments)
    try:
        server = Server(given.server, given.token) if given.server else None
        for name in (given.device, given.space) if server else ():
            _safe_name(name)  # better known before the measurement than after it
        result = given.upload or _measure(given, server)
        return _upload(given, server, result) if server else 0
    except (AgentError, OSError) as error:
        _say(f"agent: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
