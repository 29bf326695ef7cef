"""Requests a second of a client, by a clock of the test's own."""

import pytest

from profiler.service.api.limits import TokenBuckets, client_of


class Clock:
    """Seconds, moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_a_second_may_be_asked_for_at_once_and_then_so_many_a_second() -> None:
    clock = Clock()
    buckets = TokenBuckets(10, clock)
    assert [buckets.take("a") for _ in range(12)] == [True] * 10 + [False] * 2
    clock.now += 0.25
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    clock.now += 60
    assert [buckets.take("a") for _ in range(11)] == [True] * 10 + [False]


def test_clients_do_not_share() -> None:
    buckets = TokenBuckets(1, Clock())
    assert [buckets.take(client) for client in "aabb"] == [True, False, True, False]


def test_zero_is_no_limit() -> None:
    buckets = TokenBuckets(0, Clock())
    assert all(buckets.take("a") for _ in range(10_000))


def test_who_was_not_seen_for_longest_is_forgotten_first() -> None:
    buckets = TokenBuckets(1, Clock())
    for number in range(10_000):
        assert buckets.take(str(number))
    assert not buckets.take("0")
    assert buckets.take("one more")  # in the place of "1"
    assert not buckets.take("0")
    assert buckets.take("1")


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_network_is_one_client(host: str, client: str) -> None:
    assert client_of({"client": (host, 1)}) == client


def test_no_address_is_a_client_too() -> None:
    assert client_of({"client": None}) == ""
