"""The inner loop: what is done with the records of a batch, whichever implementation does it."""

from collections.abc import Sequence
from typing import Protocol

from profiler.engine.batch import Batch, Engine, Finished, Rejection
from profiler.engine.choice import EngineClass, choose_engine
from profiler.engine.python import PythonEngine
from profiler.records.types import Record

__all__ = [
    "Batch",
    "Engine",
    "EngineClass",
    "Finished",
    "PythonEngine",
    "Rejection",
    "choose_engine",
    "process",
]


class Executor(Protocol):
    """Has Redis fold a batch, as `ProfileScript` does."""

    def execute(self, batch: Batch, /) -> None:
        """See `ProfileScript.execute`."""
        ...


def process(
    engine: Engine, script: Executor, records: Sequence[Record], *, stream: str = ""
) -> Finished:
    """Carry records through all stages in the calling thread; for callers without a worker.

    Args:
        engine: makes the batch.
        script: its caller.
        records: see `Engine.batch`.
        stream: likewise.

    Raises:
        StoreUnavailableError: Redis is away; process the records again.
        ScriptContractError: script and caller disagree.
    """
    batch = engine.batch(records, stream=stream)
    batch.decode()
    script.execute(batch)
    return batch.finish()
