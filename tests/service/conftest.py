"""A service on a Redis of its own, shared by the tests of a file."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from servers.redis import Store, shared_store
from tests.integration.visitors import Visitors
from tests.missing import needed_servers
from tests.service.running import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "service:"


@pytest.fixture(scope="module", params=["redis7"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A real Redis; a test that is about what Redis answers is also run on Valkey."""
    with ExitStack() as stack:
        with needed_servers():
            server = shared_store(stack, request.param)
        yield server


@pytest.fixture(scope="module")
def visitors(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitors]:
    """Visitors of the preset `standard`."""
    folder = tmp_path_factory.mktemp("visitors")
    found = Visitors(store, "standard", PREFIX, folder)
    yield found
    found.close()


@pytest.fixture(scope="module")
def service(visitors: Visitors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that reads them."""
    settings = {"redis__url": visitors.url, "rules": visitors.rules_path}
    with Service(tmp_path_factory.mktemp("service"), settings) as running:
        yield running
