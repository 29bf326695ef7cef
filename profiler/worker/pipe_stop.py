"""How `pipe` ends before its input does: by a signal, or when Redis stays away too long."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import structlog

from profiler.engine import Batch
from profiler.errors import ProfilerError, StoreUnavailableError
from profiler.profiles.script import ProfileScript
from profiler.worker.backoff import Backoff
from profiler.worker.pipe_input import READ_BYTES, Lines
from profiler.worker.shutdown import ONE_REQUEST_S, keep_exit_code

_MANY_SIGNALS = 64

_LOG = structlog.get_logger("profiler.pipe")


class StoppedError(ProfilerError):
    """A signal asked for the end."""


class Patience:
    """Waits that a signal cuts short; whatever else is under way comes to its end first.

    Args:
        wait_s: how long Redis may be away, in seconds; then it is given up.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._signal = 0
        self._signal_at = 0.0
        self._may_be_cut = False
        # A signal leaves a byte here at once. Its handler runs when Python looks next, and that is
        # too late where a read has just begun.
        self._wakes, self._woken = os.pipe()
        os.set_blocking(self._wakes, False)
        os.set_blocking(self._woken, False)

    def watch_signals(self) -> None:
        """Take SIGINT and SIGTERM from now on; to be called by the main thread."""
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        keep_exit_code()

    def until_redis_answers(self, attempt: Callable[[], None]) -> None:
        """Make an attempt, with pauses between, until one succeeds.

        Raises:
            StoreUnavailableError: Redis stayed away for too long; with its last reason.
            StoppedError: a signal came.
        """
        backoff = Backoff()
        began = time.monotonic()
        while True:
            try:
                attempt()
            except StoreUnavailableError as error:
                left_s = began + self._wait_s - time.monotonic()
                if left_s <= 0:
                    raise StoreUnavailableError(
                        f"{error}; Redis was unwell for {self._wait_s:g} s"
                    ) from error
                pause_s = min(backoff.next_pause_s(), left_s)
                _LOG.warning("redis is unwell, trying again", error=str(error), pause_s=pause_s)
                with self.may_be_cut():
                    time.sleep(pause_s)
            else:
                break
        if backoff.reset():
            _LOG.warning("redis is well again")

    def reading(self, source: int) -> Lines:
        """Return the input of a file descriptor; a signal cuts its waits short."""
        return _PatientInput(source, self)

    def until_there_is(self, source: int) -> None:
        """Wait until a file descriptor can be read without waiting.

        Raises:
            StoppedError: a signal came, before the wait or in it.
        """
        with self.may_be_cut():
            while source not in select.select([source, self._wakes], [], [])[0]:
                os.read(self._wakes, _MANY_SIGNALS)

    @contextmanager
    def may_be_cut(self) -> Iterator[None]:
        """Let a signal end the block.

        Raises:
            StoppedError: a signal came, before the block or in it.
        """
        self._may_be_cut = True
        try:
            if self._signal:
                raise StoppedError(f"stopped by {signal.Signals(self._signal).name}")
            yield
        finally:
            self._may_be_cut = False

    def _note(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._signal and now - self._signal_at > ONE_REQUEST_S:
            # Asked again: what is under way does not end.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        elif not self._signal:
            self._signal, self._signal_at = number, now
            if self._may_be_cut:
                raise StoppedError(f"stopped by {signal.Signals(number).name}")


class PatientScript:
    """Executes batches, in attempt after attempt."""

    def __init__(self, script: ProfileScript, patience: Patience) -> None:
        self._script, self._patience = script, patience

    def execute(self, batch: Batch, /) -> None:
        """See `Patience.until_redis_answers`."""
        self._patience.until_redis_answers(partial(self._script.execute, batch))


class _PatientInput:
    def __init__(self, source: int, patience: Patience) -> None:
        self._source, self._patience = source, patience

    def read1(self, size: int = -1, /) -> bytes:
        """See `Lines`."""
        self._patience.until_there_is(self._source)
        return os.read(self._source, size if size >= 0 else READ_BYTES)
