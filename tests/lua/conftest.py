"""The scripts of the presets, on both servers."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from profiler.rules.model import load_rules
from tests.lua.runner import TIGHT, Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.redis import Store


@pytest.fixture(scope="session")
def shared_standard(store: Store) -> Iterator[Runner]:
    """For Hypothesis, whose examples share it and call `clear` themselves."""
    with closing(Runner(store.url, load_rules("standard"))) as runner:
        yield runner


@pytest.fixture(scope="session")
def shared_tight(store: Store) -> Iterator[Runner]:
    """`standard` with limits that small streams reach; as `shared_standard`."""
    rules = load_rules("standard")
    limits = rules.limits.model_copy(update=TIGHT)
    with closing(Runner(store.url, rules.model_copy(update={"limits": limits}))) as runner:
        yield runner


@pytest.fixture(scope="session")
def shared_article(store: Store) -> Iterator[Runner]:
    """As `shared_standard`."""
    with closing(Runner(store.url, load_rules("article"))) as runner:
        yield runner


@pytest.fixture
def standard(shared_standard: Runner) -> Runner:
    """The preset `standard`, without any visitor yet."""
    shared_standard.clear()
    return shared_standard


@pytest.fixture
def article(shared_article: Runner) -> Runner:
    """The preset `article`, without any visitor yet."""
    shared_article.clear()
    return shared_article
