"""Fixtures of the unit tests."""

from __future__ import annotations

import pytest

from tests.unit.oracle_events import Feed


@pytest.fixture
def feed() -> Feed:
    """A `standard` fold that knows nobody yet."""
    return Feed()
