"""The second stage: Redis has the batch, in attempt after attempt until one succeeds.

It also keeps the marks, which show whether Redis still has what it acknowledged. A mark goes first
in the pipeline behind the one that it speaks for: at the end of its own it would be written too
where a server that is out of memory refused a part of the calls.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event

import structlog

from profiler.errors import ReconnectedError, StoreUnavailableError, VoidBatchError
from profiler.profiles.marks import StreamMarks
from profiler.profiles.outputs import StoredOutput, trimming
from profiler.profiles.script import ProfileScript
from profiler.worker.backoff import Backoff
from profiler.worker.observer import UNOBSERVED, Observer
from profiler.worker.parcel import Parcel
from profiler.worker.shutdown import StopRequest
from profiler.worker.stage import OneByOne

_LOG = structlog.get_logger("profiler.worker")


class ApplyStage(OneByOne[Parcel, Parcel]):
    """Folds batches in Redis; blocks for as long as Redis is unwell.

    Args:
        script: makes the calls; None in mode ``flatten``, which needs no Redis.
        stop: after the request nothing is tried again.
        observer: told how long it takes, and what goes wrong.
    """

    verb = "apply"

    def __init__(
        self,
        script: ProfileScript | None,
        stop: StopRequest,
        observer: Observer = UNOBSERVED,
    ) -> None:
        super().__init__()
        self._observer = observer
        self._script = script
        self._stop = stop
        self._backoff = Backoff()
        self._trouble = ""
        #: How many connections had been opened when the marks were last looked at.
        self._connections = 0
        #: Streams that have a mark.
        self._marked: set[str] = set()
        #: Marks of what is applied, by stream, that are not written yet.
        self._marks_due: dict[str, int] = {}
        self._is_reconnected = False
        #: Stored outputs that are committed, from the thread that polls; and those in hand.
        self._committed: SimpleQueue[list[StoredOutput]] = SimpleQueue()
        self._of_no_use: list[StoredOutput] = []

    @property
    def trouble(self) -> str:
        """Why the batch in hand is tried again; empty while all is well. Any thread may ask."""
        return self._trouble

    @property
    def is_reconnected(self) -> bool:
        """Whether Redis may have lost what it acknowledged since `look`. Any thread may ask."""
        return self._is_reconnected

    def work(self, taken: Parcel, void: Event) -> Parcel:
        """See `OneByOne.work`.

        Raises:
            VoidBatchError: given up, by `void`, by the request to stop, or because Redis must be
                asked first what it still has.
            ScriptContractError: script and caller disagree.
        """
        if self._script is None:
            return taken
        script = self._script
        while not self._is_given_up(void):
            try:
                with self._observer.during("redis"):
                    marks = script.marks.commands(self._marks_for(taken))
                    first = [*marks, *trimming(self._trimmed())]
                    script.execute(taken.batch, first=first, connections=self._connections)
            except ReconnectedError as error:
                self._reconnected(error)
                raise VoidBatchError(str(error)) from error
            except StoreUnavailableError as error:
                self._pause(error)
                continue
            self._recovered()
            self._of_no_use = []
            self._marked |= taken.spans.keys()
            self._marks_due = {stream: end for stream, (_, end) in taken.spans.items()}
            return taken
        raise VoidBatchError("not applied")

    def trim(self, stored: list[StoredOutput]) -> None:
        """Let what batches stored be removed by the next pipeline: they are committed.

        Any thread may say so.
        """
        self._committed.put(stored)

    def look(self, streams: Collection[str], void: Event) -> Future[dict[str, StreamMarks]]:
        """Ask Redis what it has of these streams, once the batches that are under way are done.

        Blocks nothing; the thread of this stage asks, in attempt after attempt.

        Returns:
            The marks by stream. From then on the connections are trusted that were asked.
            Fails with `VoidBatchError` where it is given up, by `void` or by the request to stop.
        """
        return self._thread.submit(self._look, streams, void)

    def mark(self, offsets: Mapping[str, int]) -> Future[None]:
        """Take what is before these offsets, by stream, as applied; and write it, see `settle`."""
        return self._thread.submit(self._mark, offsets)

    def settle(self) -> Future[None]:
        """Write and remove what is due, where no batch does: when idle, and at the end.

        Blocks nothing, and fails only where Redis must not be used: what cannot be written now is
        due later.
        """
        return self._thread.submit(self._settle)

    def _look(self, streams: Collection[str], void: Event) -> dict[str, StreamMarks]:
        assert self._script is not None, "there are streams"  # noqa: S101 - the caller's promise
        # What was applied is not known to be there any more: no mark may say so.
        self._marks_due = {}
        while not self._is_given_up(void):
            try:
                found, self._connections = self._script.marks.read(streams)
            except StoreUnavailableError as error:
                self._pause(error)
                continue
            self._recovered()
            self._marked = {name for name, marks in found.items() if marks.is_complete}
            self._is_reconnected = False
            return found
        raise VoidBatchError("the marks were not read")

    def _mark(self, offsets: Mapping[str, int]) -> None:
        self._marked |= offsets.keys()
        self._marks_due |= offsets
        self._settle()

    def _settle(self) -> None:
        if self._script is None:
            return
        try:
            marks = self._script.marks
            commands = [*marks.commands(self._marks_due), *trimming(self._trimmed())]
            self._script.send(commands or marks.probes(), connections=self._connections)
        except ReconnectedError as error:
            self._reconnected(error)
        except StoreUnavailableError as error:
            _LOG.debug("redis is unwell", error=str(error))
            self._observer.redis_failed(error.kind)
        else:
            self._marks_due, self._of_no_use = {}, []

    def _trimmed(self) -> list[StoredOutput]:
        """What was committed since the last pipeline that succeeded."""
        with suppress(Empty):
            while True:
                self._of_no_use += self._committed.get_nowait()
        return self._of_no_use

    def _marks_for(self, taken: Parcel) -> dict[str, int]:
        """What goes before the calls of a batch: marks of what was applied before it.

        A stream without a mark gets one where it begins. Else a crash right after its first commit
        would look like a Redis that was emptied.
        """
        firsts = {stream: first for stream, (first, _) in taken.spans.items()}
        return {
            stream: first for stream, first in firsts.items() if stream not in self._marked
        } | self._marks_due

    def _reconnected(self, error: ReconnectedError) -> None:
        _LOG.info("connected to redis anew: is everything still there?")
        self._observer.redis_failed(error.kind)
        self._marks_due = {}
        self._is_reconnected = True

    def _is_given_up(self, void: Event) -> bool:
        given_up = void.is_set() or (self._stop.is_set() and bool(self._trouble))
        if given_up:
            self._trouble = ""
            self._backoff.reset()
        return given_up

    def _recovered(self) -> None:
        self._trouble = ""
        if self._backoff.reset():
            _LOG.info("redis is well again")

    def _pause(self, error: StoreUnavailableError) -> None:
        """Wait before the next attempt, but not longer than until the request to stop."""
        pause_s = self._backoff.next_pause_s()
        self._trouble = str(error)
        _LOG.warning("redis is unwell, trying again", error=self._trouble, pause_s=pause_s)
        self._observer.redis_failed(error.kind)
        self._observer.retried("redis")
        with self._observer.during("redis"):
            self._stop.wait(pause_s)
