"""The time of a phase, and what is a phase of its own inside it."""

import threading
from collections import Counter

import pytest

from profiler.worker.observer import Observer, Phase


class Recording(Observer):
    """Adds up, by a clock that the test moves."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now)
        self.now = 100
        self.seconds: Counter[Phase] = Counter()

    def spent(self, phase: Phase, seconds: float) -> None:
        """See `Observer.spent`."""
        self.seconds[phase] += int(seconds)


def spend(observer: Recording) -> None:
    with observer.during("produce"):
        observer.now += 2
        for _ in range(2):
            with observer.during("commit"):
                observer.now += 3


def test_a_phase_inside_another_counts_alone() -> None:
    observer = Recording()
    spend(observer)
    spend(observer)
    assert observer.seconds == {"commit": 12, "produce": 4}


def test_threads_have_phases_of_their_own() -> None:
    observer = Recording()
    with observer.during("poll"):
        thread = threading.Thread(target=spend, args=(observer,))
        thread.start()
        thread.join()
    assert observer.seconds == {"commit": 6, "produce": 2, "poll": 8}


def fail(observer: Recording) -> None:
    with observer.during("redis"):
        observer.now += 1
        raise ValueError


def test_the_time_of_what_fails_counts_too() -> None:
    observer = Recording()
    with pytest.raises(ValueError):  # noqa: PT011 - it is ours, and has no text
        fail(observer)
    assert observer.seconds == {"redis": 1}
