"""Runner: one search in a child process of its own (started by `worker.py`).

Heavy imports wait until the process has set itself up: the number of threads counts only before numpy is loaded.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from service.job import JobError, Progress
from service.jobs.messages import CANCEL, Cancelled, Done, Message, ResultFile, send
from service.jobs.order import SearchOrder

if TYPE_CHECKING:
    from latency_tables import LatencyTable
    from search import GenerationReport, SearchResult, Space
    from service.catalogue import Supernet
    from service.jobs.verification import ImageErrors

_LOG = logging.getLogger("lutnas.runner")
_PROGRESS_EVERY_S = 0.2
_REMEASURING_EVERY_S = 1.0
"""Each progress wakes the server, which disturbs a measurement."""
_ORPHANED = 70
"""Exit code when the server died; nobody is left to read it."""


def run_order(order_text: str, connection: Connection[Any, Any]) -> None:
    """Entry of the child process: run one search and report over the pipe."""
    order = SearchOrder.from_json(order_text)
    # A process with a higher niceness is interrupted more often, and cannot take it back for a measurement.
    _set_up_process(0 if order.request.get("remeasure") else order.nice)
    try:
        send(connection, _outcome(order, connection))
    except OSError:
        _LOG.warning("search %s: the server is gone", order.search_id)
    finally:
        connection.close()


class ProgressReporter:
    """Sends progress now and then and looks for the order to stop, between two generations."""

    def __init__(
        self, connection: Connection[Any, Any], clock: Callable[[], float] = time.monotonic, generations: int = 0
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._next_at = 0.0
        self._last = Progress("evolving", generations_total=generations)

    def on_loading(self, fraction: float) -> None:
        """Called while images are read, which comes before everything else.

        Raises:
            SearchCancelled: the worker has asked to stop.
        """
        self._stop_if_asked()
        self._tell(replace(self._last, phase="loading", phase_fraction=fraction), _PROGRESS_EVERY_S, at_once=False)

    def on_generation(self, report: GenerationReport) -> None:
        """Called by the engine after each generation.

        Raises:
            SearchCancelled: the worker has asked to stop.
        """
        self._stop_if_asked()
        self._last = replace(
            self._last,
            generation=report.generation,
            generations_total=report.generations_total,
            evaluations=report.evaluations,
            hypervolume=report.hypervolume,
            front_size=report.front_size,
            phase_fraction=report.fraction if self._last.phase == "evolving" else self._last.phase_fraction,
        )
        self._tell(self._last, _PROGRESS_EVERY_S, at_once=report.fraction >= 1)

    def on_remeasuring(self, fraction: float, seconds_left: float) -> None:
        """Called while the front is measured again, after each sample.

        Raises:
            SearchCancelled: the worker has asked to stop.
        """
        self._stop_if_asked()
        first = self._last.phase != "remeasuring"
        self._last = replace(self._last, phase="remeasuring", phase_fraction=fraction, seconds_left=seconds_left)
        self._tell(self._last, _REMEASURING_EVERY_S, at_once=first)

    def flush(self) -> None:
        """Send what was last reported, whenever that was."""
        self._tell(self._last, 0.0, at_once=True)

    def on_verifying(self, done: int, budget: int, seconds_left: float | None) -> None:
        """Called while networks are evaluated on images, after each batch of images.

        Raises:
            SearchCancelled: the worker has asked to stop.
        """
        self._stop_if_asked()
        first = self._last.phase != "verifying"
        share = min(done / budget, 1.0)
        self._last = replace(
            self._last, phase="verifying", evaluations=done, phase_fraction=share, seconds_left=seconds_left
        )
        self._tell(self._last, _PROGRESS_EVERY_S, at_once=first)

    def _stop_if_asked(self) -> None:
        from search import SearchCancelled

        if self._connection.poll() and self._connection.recv_bytes() == CANCEL:
            raise SearchCancelled("cancelled on request")

    def _tell(self, progress: Progress, every_s: float, *, at_once: bool) -> None:
        now = self._clock()
        if now >= self._next_at or at_once:
            self._next_at = now + every_s
            send(self._connection, progress)


def _set_up_process(nice: int) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    # Ctrl+C reaches the whole process group; the server decides what becomes of its searches.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(nice)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent,), name="watchdog", daemon=True).start()


def _die_with(parent: Any) -> None:
    parent.join()
    os._exit(_ORPHANED)


def _outcome(order: SearchOrder, connection: Connection[Any, Any]) -> Message:
    from latency_tables import LatencyTableError
    from search import SearchCancelled, SearchError
    from service.errors import RequestError, error_code

    try:
        result = _search(order, connection)
    except SearchCancelled:
        return Cancelled()
    except (SearchError, LatencyTableError, RequestError) as error:
        return JobError(error_code(error), str(error))
    except MemoryError:
        return JobError("out_of_memory", "The search ran out of memory. Use a smaller population or fewer generations.")
    except Exception:  # noqa: BLE001 - a job's border, the one broad except (DESIGN.md, section 7)
        _LOG.exception("search %s failed", order.search_id)
        return JobError("internal_error", "This is a fault of lutnas. The server's log tells more; please report it.")
    return Done(len(result.front), _reason(result))


def _reason(result: SearchResult) -> str | None:
    """What ended a search before its last generation, in words."""
    from search import StopReason

    reasons = {
        StopReason.CANDIDATES: "stop.candidates",
        StopReason.SECONDS: "stop.seconds",
        StopReason.STAGNATION: "stop.stagnation_generations",
        StopReason.SPACE_EXHAUSTED: "every network of the space has been evaluated",
    }
    reason = reasons.get(result.stopped_by)
    return None if reason is None else f"ended after generation {len(result.hypervolume)}: {reason}"


def _search(order: SearchOrder, connection: Connection[Any, Any]) -> SearchResult:
    from search import check_spec, run_search
    from service.jobs.remeasure import local_devices, remeasure
    from service.jobs.result_documents import Added, Basis, result_files
    from service.resources import load_resources
    from service.search_request import SearchRequest

    request = SearchRequest.model_validate(order.request)
    spec = request.search_spec()
    resources, supernet = load_resources(order)
    reporter = ProgressReporter(connection, generations=request.generations)
    with _errors_on_images(order, resources.space, supernet, reporter) as errors:
        resources = replace(resources, measure=errors)
        check_spec(spec, resources)
        tables = {device: cast("LatencyTable", resources.tables[device]) for device in spec.devices}
        here = local_devices(spec.devices, tables, request.timed_devices) if request.remeasure else {}
        result = run_search(spec, resources, reporter.on_generation, time.monotonic)
    reporter.flush()
    again = remeasure(result, resources.space, here, supernet, reporter.on_remeasuring) if here else None
    verified = None if errors is None else errors.verified(result.front, resources.predictor)
    basis = Basis(resources.space, tables, supernet.sha256)
    for name, content in result_files(result, basis, Added(again, verified)).items():
        send(connection, ResultFile(name, content))
    return result


@contextmanager
def _errors_on_images(
    order: SearchOrder, space: Space, supernet: Supernet, reporter: ProgressReporter
) -> Iterator[ImageErrors | None]:
    """What measures a search's networks; None for a search by prediction alone."""
    if not order.request.get("verify"):
        yield None
        return
    from service.datasets import DatasetShelf
    from service.jobs.verification import Subnets, drawn_images, open_image_errors

    datasets = {name: Path(path) for name, path in order.datasets.items()}
    validation = DatasetShelf(datasets, Path(order.images_dir)).validation(space, supernet.card, reporter.on_loading)
    images = drawn_images(validation, int(order.request["verify_images"]))
    with open_image_errors(order, Subnets(space, supernet, images), reporter.on_verifying) as errors:
        yield errors
