"""One port for the workers of a fleet: each scrape asks all of them, over Unix sockets.

Why not prometheus-client's files in a directory: docs/adr/0050.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from profiler.config.addresses import Address
from profiler.service import metrics
from profiler.service.asking import Answer, ask
from profiler.service.http import served
from profiler.service.store import Store


class FleetPages:
    """`Pages` of several workers: well when all are, and all their metrics with their numbers.

    Args:
        sockets: of the workers, in their order.
    """

    def __init__(self, sockets: list[Path]) -> None:
        self._sockets = sockets
        self._threads = ThreadPoolExecutor(len(sockets), thread_name_prefix="metrics-of-worker")

    def metrics(self) -> bytes:
        """See `Pages.metrics`."""
        up = Store([metrics.WORKER_UP])
        merged: dict[str, Family] = {}
        for number, answer in enumerate(self._ask("/metrics")):
            up.set(metrics.WORKER_UP, 0 if answer.reason else 1, str(number))
            for family in text_string_to_metric_families(answer.body.decode()):
                whole = merged.setdefault(
                    family.name, Family(family.name, family.documentation, family.type)
                )
                whole.samples += [
                    sample._replace(labels={**sample.labels, "worker": str(number)})
                    for sample in family.samples
                ]
        registry = CollectorRegistry()
        registry.register(up)
        registry.register(_Collected(merged.values()))
        return generate_latest(registry)

    def not_alive(self) -> str:
        """See `Pages.not_alive`."""
        return self._reasons("/healthz")

    def not_ready(self) -> str:
        """See `Pages.not_ready`."""
        return self._reasons("/readyz")

    def _reasons(self, path: str) -> str:
        found = [
            f"worker {number}: {answer.reason}"
            for number, answer in enumerate(self._ask(path))
            if answer.reason
        ]
        return "; ".join(found)

    def _ask(self, path: str) -> list[Answer]:
        return list(self._threads.map(lambda place: ask(place, path), self._sockets))


class _Collected(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


@contextmanager
def fleet_served(
    listen: Address | Path | None, workers: int
) -> Iterator[Callable[[int], list[str]]]:
    """Serve the pages of so many workers until the block ends.

    Args:
        listen: where; None for not at all.
        workers: how many.

    Yields:
        What a worker needs on its command line, by its number.

    Raises:
        ConfigError: nobody can listen there.
    """
    if listen is None:
        yield lambda _number: []
        return
    with tempfile.TemporaryDirectory(prefix="profiler-") as directory:
        sockets = [Path(directory) / str(number) for number in range(workers)]
        with served(listen, FleetPages(sockets)):
            yield lambda number: ["--metrics", f"unix:{sockets[number]}"]
