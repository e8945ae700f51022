"""Metrics of one application, in a registry of its own so that several applications can live in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.job import State

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Requests as they come, searches as they are when asked."""

    def __init__(self, count_searches: Callable[[], Mapping[State, int]]) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("lutnas_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            "lutnas_request_duration_seconds",
            "Time to the end of an answer.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_SearchCollector(count_searches))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer; `route` is its template: neither ids nor made-up methods make series of their own."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class _SearchCollector(Collector):
    def __init__(self, count_searches: Callable[[], Mapping[State, int]]) -> None:
        self._count_searches = count_searches

    def describe(self) -> Iterator[GaugeMetricFamily]:
        # Without this the registry would count, and so read the database, to learn the names.
        yield self._family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = self._family()
        for state, count in self._count_searches().items():
            family.add_metric([state.value], count)
        yield family

    @staticmethod
    def _family() -> GaugeMetricFamily:
        return GaugeMetricFamily("lutnas_searches", "Searches in each state.", labels=["state"])
