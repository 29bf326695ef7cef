"""A time limit for calls of the library that have none."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

Result = TypeVar("Result")

#: A call, and where its outcome goes.
_Job = tuple[Callable[[], Result], SimpleQueue[Result | BaseException]]


class TimedCalls(Generic[Result]):
    """Makes calls in a thread that waits for the next one; used by one thread.

    A thread for each call would take some 100 µs of CPU more. One whose call did not return in
    time is left at it, and the next call gets another one. None keeps the process from its end.

    Args:
        name: the thread's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        #: None where there is no thread that is idle.
        self._jobs: SimpleQueue[_Job[Result] | None] | None = None

    def call(self, function: Callable[[], Result], *, timeout_s: float) -> Result:
        """Call, and wait for so long.

        Raises:
            TimeoutError: it did not return; it may be carried out all the same.
            BaseException: what it raised.
        """
        if self._jobs is None:
            self._jobs = SimpleQueue()
            Thread(target=_work, args=(self._jobs,), name=self._name, daemon=True).start()
        outcome: SimpleQueue[Result | BaseException] = SimpleQueue()
        self._jobs.put((function, outcome))
        try:
            found = outcome.get(timeout=timeout_s)
        except Empty:
            self.close()
            raise TimeoutError(f"no answer in {timeout_s:.0f} s") from None
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        """Let the thread end, as soon as its call returns."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None


def _work(jobs: SimpleQueue[_Job[Result] | None]) -> None:
    while (job := jobs.get()) is not None:
        function, outcome = job
        try:
            outcome.put(function())
        except BaseException as error:  # noqa: BLE001 - whoever called gets it
            outcome.put(error)
        # What it holds must not wait for the next call.
        del job, function, outcome
