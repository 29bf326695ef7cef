"""The fixtures of the contract tests."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.kafka.clients import ADAPTERS, SINKS, Client, MemoryClient, RealClient


@pytest.fixture(params=["memory", *ADAPTERS])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """One client library after the other; the memory one asks for no server."""
    yield from _client(request)


@pytest.fixture(params=["memory", *SINKS])
def writer(request: pytest.FixtureRequest) -> Iterator[Client]:
    """One sink after the other, and a consumer of its client library."""
    yield from _client(request)


def _client(request: pytest.FixtureRequest) -> Iterator[Client]:
    with ExitStack() as stack:
        if request.param == "memory":
            yield MemoryClient(stack)
        else:
            kafka, admin = map(request.getfixturevalue, ("kafka", "kafka_admin"))
            yield RealClient(request.param, kafka, admin, stack)
