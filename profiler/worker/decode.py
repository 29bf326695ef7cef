"""The first stage: records are parsed, flattened, checked, and packed into script calls."""

from threading import Event

from profiler.worker.observer import UNOBSERVED, Observer
from profiler.worker.parcel import Parcel
from profiler.worker.stage import OneByOne


class DecodeStage(OneByOne[Parcel, Parcel]):
    """Decodes and packs; talks to nobody, so it overlaps the waiting of all other stages.

    Args:
        observer: told how long it takes.
    """

    verb = "decode"

    def __init__(self, observer: Observer = UNOBSERVED) -> None:
        super().__init__()
        self._observer = observer

    def work(self, taken: Parcel, void: Event) -> Parcel:  # noqa: ARG002 - it never waits
        """See `OneByOne.work`."""
        with self._observer.during("decode"):
            taken.batch.decode()
            taken.batch.pack()
        return taken
