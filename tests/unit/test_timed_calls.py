"""Calls with a time limit: one thread for all, until one of them does not return in time."""

import threading
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from profiler.kafka.librdkafka.timed import TimedCalls
from profiler.servers.processes import wait_until

PATIENCE_S = 10.0


@pytest.fixture
def calls() -> Iterator[TimedCalls[Thread]]:
    made: TimedCalls[Thread] = TimedCalls("timed")
    yield made
    made.close()


def test_one_thread_makes_all_calls(calls: TimedCalls[Thread]) -> None:
    threads = {calls.call(threading.current_thread, timeout_s=PATIENCE_S) for _ in range(3)}
    assert [thread.name for thread in threads] == ["timed"]
    assert threading.current_thread() not in threads


def test_what_a_call_raises_is_raised_and_the_next_call_is_made(calls: TimedCalls[Thread]) -> None:
    before = calls.call(threading.current_thread, timeout_s=PATIENCE_S)

    def fail() -> Thread:
        raise KeyError("no such thing")

    with pytest.raises(KeyError, match="no such thing"):
        calls.call(fail, timeout_s=PATIENCE_S)
    assert calls.call(threading.current_thread, timeout_s=PATIENCE_S) is before


def test_a_call_that_does_not_return_in_time_holds_up_no_other(calls: TimedCalls[Thread]) -> None:
    go_on, left = Event(), []

    def stay() -> Thread:
        left.append(threading.current_thread())
        go_on.wait()
        return left[0]

    with pytest.raises(TimeoutError, match="no answer in 0 s"):
        calls.call(stay, timeout_s=0.05)
    assert calls.call(threading.current_thread, timeout_s=PATIENCE_S) not in left
    assert left[0].is_alive()
    go_on.set()
    left[0].join(PATIENCE_S)
    assert not left[0].is_alive()


def test_the_thread_ends_with_its_owner(calls: TimedCalls[Thread]) -> None:
    thread = calls.call(threading.current_thread, timeout_s=PATIENCE_S)
    calls.close()
    assert wait_until(lambda: not thread.is_alive(), timeout=PATIENCE_S, interval=0.01)
