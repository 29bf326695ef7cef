"""Why a benchmark ends early."""


class BenchError(Exception):
    """A row cannot be measured; the message says why."""
