"""Pages of a process whose health is told elsewhere: metrics alone."""

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from profiler.service.store import Store


class StorePages:
    """A `profiler.service.http.Pages`, which is always well.

    Args:
        store: what is shown.
        of_process: whether the process's memory and CPU time are shown too.
    """

    def __init__(self, store: Store, *, of_process: bool = False) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(store)
        if of_process:
            ProcessCollector(registry=self._registry)

    def metrics(self) -> bytes:
        """See `Pages.metrics`."""
        return generate_latest(self._registry)

    def not_alive(self) -> str:
        """See `Pages.not_alive`."""
        return ""

    def not_ready(self) -> str:
        """See `Pages.not_ready`."""
        return ""
