"""Places in a worker where it can be killed, held or made to fail, in the tests' adapters only.

An adapter is wrapped: before and after each of its calls there is a point, with a name such as
``producer.send.after``. Which point does what comes by the environment of the process:

    CHAOS_FAILPOINTS=producer.send.after:3:kill,consumer.poll.before:1:sleep:5

is: the third time that a `send` has returned the process kills itself; before the first `poll` it
sleeps for 5 s. What a point can do: `ACTIONS`.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import redis

from profiler.errors import StoreUnavailableError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

ARMED = "CHAOS_FAILPOINTS"
#: A file to which every point that is passed is written once.
TRACE = "CHAOS_TRACE"

#: kill: SIGKILL to itself. stop: SIGSTOP. raise: the error that the adapter may raise.
ACTIONS = ("kill", "stop", "sleep", "raise")

#: What an adapter may raise, by the first part of the point's name.
_ERRORS: dict[str, type[Exception]] = {
    "consumer": TransportError,
    "producer": TransportError,
    "script": StoreUnavailableError,
    "redis": redis.ConnectionError,
}


class Failpoint(NamedTuple):
    """What happens where.

    Attributes:
        point: its name.
        nth: at which passing, from 1 on.
        action: one of `ACTIONS`.
        seconds: of a sleep.
    """

    point: str
    nth: int
    action: str
    seconds: float = 0.0

    def __str__(self) -> str:
        """As `parsed` takes it."""
        return f"{self.point}:{self.nth}:{self.action}:{self.seconds:g}"


def parsed(text: str) -> list[Failpoint]:
    """Read what the environment says.

    Raises:
        ValueError: it says something else.
    """
    found = []
    for each in filter(None, text.split(",")):
        point, nth, action, *seconds = each.split(":")
        if action not in ACTIONS or len(seconds) > 1:
            raise ValueError(f"no failpoint: {each}")
        found.append(Failpoint(point, int(nth), action, float(seconds[0]) if seconds else 0.0))
    return found


class Failpoints:
    """The points of one process.

    Args:
        armed: what is to happen.
        trace: see `TRACE`.
    """

    def __init__(self, armed: Sequence[Failpoint] = (), trace: Path | None = None) -> None:
        self._armed = list(armed)
        self._trace = trace
        self._passed: Counter[str] = Counter()
        self._turn = threading.Lock()

    @classmethod
    def from_environment(cls) -> Failpoints:
        """Those that `ARMED` and `TRACE` name."""
        trace = os.environ.get(TRACE)
        return cls(parsed(os.environ.get(ARMED, "")), Path(trace) if trace else None)

    def reach(self, point: str) -> None:
        """Pass a point; any thread may."""
        with self._turn:
            self._passed[point] += 1
            count = self._passed[point]
            if self._trace is not None and count == 1:
                with self._trace.open("a") as file:
                    file.write(f"{point}\n")
        for each in self._armed:
            if (each.point, each.nth) == (point, count):
                _act(each)

    def around(self, target: Any, name: str, calls: Collection[str]) -> Any:  # noqa: ANN401 - any adapter
        """An adapter with a point before and after each of these calls."""
        return _Guarded(self, target, name, calls)

    def guarded(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        """A call with a point before and one after it."""

        @functools.wraps(call)
        def passing(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - the call's
            self.reach(f"{name}.before")
            result = call(*given, **named)
            self.reach(f"{name}.after")
            return result

        return passing


def _act(failpoint: Failpoint) -> None:
    if failpoint.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif failpoint.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif failpoint.action == "sleep":
        time.sleep(failpoint.seconds)
    else:
        raise _ERRORS[failpoint.point.partition(".")[0]](f"failpoint {failpoint.point}")


class _Guarded:
    """An object of which some calls have points; all else is the object's own."""

    def __init__(
        self,
        points: Failpoints,
        target: Any,  # noqa: ANN401 - any adapter
        name: str,
        calls: Collection[str],
    ) -> None:
        self.guarded_object = target
        self._points, self._name, self._calls = points, name, calls

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the target's
        found = getattr(self.guarded_object, name)
        if name not in self._calls:
            return found
        return self._points.guarded(found, f"{self._name}.{name}")
