"""The numbers of the metrics: any thread adds, and a scrape sees all or nothing of a batch."""

import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from profiler.service.metrics import Metric

Labels = tuple[str, ...]


class Histogram:
    """Counts of one series, by bucket.

    prometheus-client's own takes one value at a time, which costs more than the rest of a batch.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = edges
        self._counts = [0] * (len(edges) + 1)
        self._sum = 0.0

    def observe(self, values: Sequence[float]) -> None:
        """Count values, which are in ascending order."""
        for place, edge in enumerate(self._edges):
            self._counts[place] += bisect_right(values, edge)
        self._counts[-1] += len(values)
        self._sum += sum(values)

    def add_to(self, family: HistogramMetricFamily, labels: Labels) -> None:
        """Write what was counted."""
        names = [*map(str, map(float, self._edges)), "+Inf"]
        family.add_metric(labels, list(zip(names, self._counts, strict=True)), self._sum)


class Store(Collector):
    """What is scraped. Inside a `with` block several calls are seen together.

    Args:
        metrics: what there is; metrics without labels are 0 at first.
    """

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._lock = threading.RLock()
        self._values: dict[Metric, dict[Labels, float]] = {}
        self._histograms: dict[Metric, dict[Labels, Histogram]] = {}
        for metric in metrics:
            if metric.kind == "histogram":
                self._histograms[metric] = {} if metric.labels else {(): Histogram(metric.buckets)}
            else:
                self._values[metric] = {} if metric.labels else {(): 0.0}

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let no scrape come between the calls inside."""
        with self._lock:
            yield

    def add(self, metric: Metric, amount: float = 1, *labels: str) -> None:
        """Count on."""
        with self._lock:
            series = self._values[metric]
            series[labels] = series.get(labels, 0.0) + amount

    def set(self, metric: Metric, amount: float, *labels: str) -> None:
        """Say how it is now."""
        with self._lock:
            self._values[metric][labels] = amount

    def replace(self, metric: Metric, series: Iterable[tuple[Labels, float]]) -> None:
        """Say how all series of a metric are now; what is not named is gone."""
        with self._lock:
            self._values[metric] = dict(series)

    def observe(self, metric: Metric, values: Sequence[float], *labels: str) -> None:
        """Count values of a histogram, which are in ascending order."""
        with self._lock:
            series = self._histograms[metric]
            if labels not in series:
                series[labels] = Histogram(metric.buckets)
            series[labels].observe(values)

    def collect(self) -> Iterable[Family]:
        """All families, as prometheus-client's registry asks for them."""
        with self._lock:
            return [*map(self._family, self._values), *map(self._histogram, self._histograms)]

    def _family(self, metric: Metric) -> Family:
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = kind(metric.name, metric.help, labels=metric.labels)
        for labels, value in self._values[metric].items():
            family.add_metric(labels, value)
        return family

    def _histogram(self, metric: Metric) -> Family:
        family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, histogram in self._histograms[metric].items():
            histogram.add_to(family, labels)
        return family
