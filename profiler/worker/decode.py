"""The first stage: records are parsed, flattened, checked, and packed into script calls."""

from threading import Event

from profiler.worker.parcel import Parcel
from profiler.worker.stage import OneByOne


class DecodeStage(OneByOne[Parcel, Parcel]):
    """Decodes and packs; talks to nobody, so it overlaps the waiting of all other stages."""

    verb = "decode"

    def work(self, taken: Parcel, void: Event) -> Parcel:  # noqa: ARG002 - it never waits
        """See `OneByOne.work`."""
        taken.batch.decode()
        taken.batch.pack()
        return taken
