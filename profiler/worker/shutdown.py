"""Stopping in time: a request to stop, and what holds it against calls that wait for ever.

After the first SIGTERM or SIGINT the worker finishes and commits what it can. The client
libraries have waits that nobody can cut short, so a thread of its own ends the process when the
time is up, or at once at the second request. What is not committed then is read again.

Supervisors send one request as several signals: `timeout` to the program and then to its group,
`tini -g` and a shell to a whole group, where a parent hands its own on as well. So signals within
a second are one request. A person needs longer for a second one.
"""

import atexit
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import structlog

_LOG = structlog.get_logger("profiler.stop")

#: From the first signal on: until then everything is finished or given up, ...
_FINISH_S = 8.0
#: ... and then the process is ended from outside. An orchestrator's SIGKILL comes after 10 s.
END_S = 9.5
_EXIT_AT_ONCE = 1

_LOOK_AGAIN_S = 3_600.0

_ASKING = (signal.SIGINT, signal.SIGTERM)

#: Signals within this time of the first one are one request to stop.
ONE_REQUEST_S = 1.0


def keep_exit_code() -> None:
    """Let no signal that comes while Python ends change the exit code.

    Python gives its handlers up then, and the second signal of one request would end the process
    by itself.
    """
    for number in _ASKING:
        atexit.register(signal.signal, number, signal.SIG_IGN)


class StopRequest:
    """Set once, by any thread, and asked for by the worker.

    Args:
        finish_s: seconds from the request on, in which everything is finished or given up.
    """

    def __init__(self, finish_s: float = _FINISH_S) -> None:
        self._finish_s = finish_s
        self._event = threading.Event()
        self._set_at = 0.0

    def set(self) -> None:
        """Ask the worker to stop."""
        self._set_at = self._set_at or time.monotonic()
        self._event.set()

    def is_set(self) -> bool:
        """Whether the worker shall stop."""
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep, but not longer than until the request; return whether it came."""
        return self._event.wait(timeout_s)

    @property
    def seconds_left(self) -> float:
        """Time to finish in; endless before the request."""
        if not self._event.is_set():
            return float("inf")
        return max(0.0, self._set_at + self._finish_s - time.monotonic())

    def limited(self, seconds: float) -> float:
        """So many seconds, or what is left of the time to finish in; never nothing."""
        return min(seconds, max(0.1, self.seconds_left))

    @property
    def seconds_taken(self) -> float:
        """Time since the request; 0 before it."""
        return time.monotonic() - self._set_at if self._event.is_set() else 0.0


class Watch:
    """Turns signals into a `StopRequest`, and ends the process when that takes too long.

    Until `expect` is called nothing is in hand, and a signal ends the process at once.

    Args:
        stop: set at the first signal.
        end_s: seconds from the first signal on, after which the process is ended from outside.
        gap_s: seconds from the first signal on, in which all further ones say the same as it.
    """

    def __init__(
        self, stop: StopRequest, end_s: float = END_S, gap_s: float = ONE_REQUEST_S
    ) -> None:
        self._end_s = end_s
        self._gap_s = gap_s
        self._stop = stop
        # Python writes each signal's number into it at once, in whatever call the main thread is.
        # A handler in Python would wait until that call, which may hang, comes back.
        self._signals, self._wakeup = socket.socketpair()
        self._wakeup.setblocking(False)
        self._in_hand: Callable[[], bool] | None = None
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="stop", daemon=True)

    def start(self) -> None:
        """Take SIGINT and SIGTERM from now on; to be called by the main thread."""
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        for number in _ASKING:
            signal.signal(number, _taken_elsewhere)
        keep_exit_code()
        self._thread.start()

    def expect(self, in_hand: Callable[[], bool]) -> None:
        """The worker begins; from now on it is given time, unless it is stopped already.

        Args:
            in_hand: whether a batch is read and not committed.
        """
        with self._starting:
            self._in_hand = in_hand

    def leave(self) -> NoReturn:
        """End the process now, whatever else is under way in it: exit code 0."""
        _LOG.info("left behind what does not answer", took_s=self._taken())
        _exit_now(0)

    def _run(self) -> None:
        while (number := self._next_signal(_LOOK_AGAIN_S)) is None:
            pass
        first_at = time.monotonic()
        with self._starting:
            self._stop.set()
            _LOG.info("stopping", signal=number.name)
            if self._in_hand is None:
                _LOG.info("stopped while starting", took_s=self._taken())
                _exit_now(0)
        at = first_at
        while at - first_at <= self._gap_s:
            left_s = max(0.0, first_at + self._end_s - time.monotonic())
            number = self._next_signal(left_s)
            if number is None:
                self._give_up("the time to stop is up")
                _exit_now(0)
            at = time.monotonic()
        self._give_up(f"a second signal, {number.name}")
        _exit_now(_EXIT_AT_ONCE)

    def _next_signal(self, timeout_s: float) -> signal.Signals | None:
        """Wait for a signal; None where none comes in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._signals.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                (number,) = self._signals.recv(1)
            except TimeoutError:
                return None
            if number in _ASKING:  # others may have handlers of their own
                return signal.Signals(number)

    def _give_up(self, reason: str) -> None:
        if self._in_hand is not None and self._in_hand():
            _LOG.warning("a batch is not committed and will be read again", error=reason)
        _LOG.warning("ended at once", reason=reason, took_s=self._taken())

    def _taken(self) -> float:
        return round(self._stop.seconds_taken, 2)


def _exit_now(code: int) -> NoReturn:
    """End the process without waiting for its threads; what the log holds back is written."""
    logging.shutdown()
    os._exit(code)


def _taken_elsewhere(_number: int, _frame: FrameType | None) -> None:
    """A handler must be there, so that the signal does not end the process; `Watch` takes it."""
