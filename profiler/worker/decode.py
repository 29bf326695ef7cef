"""The first stage: records are parsed, flattened, checked, and packed into script calls."""

from threading import Event

from profiler.engine import Batch
from profiler.worker.stage import Stage


class DecodeStage(Stage[Batch, Batch]):
    """Decodes and packs; talks to nobody, so it overlaps the waiting of all other stages."""

    verb = "decode"

    def work(self, taken: Batch, void: Event) -> Batch:  # noqa: ARG002 - it never waits
        """See `Stage.work`."""
        taken.decode()
        taken.pack()
        return taken
