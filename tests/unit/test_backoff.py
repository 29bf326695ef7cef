"""The pauses between attempts."""

from profiler.worker.backoff import Backoff


def test_pauses_double_up_to_the_longest_until_a_success() -> None:
    backoff = Backoff()
    pauses = [backoff.next_pause_s() for _ in range(8)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]

    assert backoff.reset()
    assert backoff.next_pause_s() == 0.1


def test_a_success_without_a_failure_is_none_to_tell() -> None:
    backoff = Backoff()
    assert not backoff.reset()
    backoff.next_pause_s()
    assert backoff.reset()
    assert not backoff.reset()
