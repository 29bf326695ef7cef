"""The scripts of the presets, on both servers."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import redis

from profiler.rules.model import load_rules
from servers.redis import FLAVOURS, private_store
from tests.lua.runner import TIGHT, Runner
from tests.missing import give_up, own_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from profiler.servers.embedded import StoreServer
    from servers.redis import Store


LOCALE = "en_US.UTF-8"


@pytest.fixture(scope="session")
def shared_standard(store: Store) -> Iterator[Runner]:
    """For Hypothesis, whose examples share it and call `clear` themselves."""
    with closing(Runner(store.url, load_rules("lean"))) as runner:
        yield runner


@pytest.fixture(scope="session")
def shared_tight(store: Store) -> Iterator[Runner]:
    """`standard` with limits that small streams reach; as `shared_standard`."""
    rules = load_rules("lean")
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


@pytest.fixture(scope="session", params=FLAVOURS)
def english_store(english: Path, request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    """A server of each kind under the locale `LOCALE`, by which 'a' comes before 'B'."""
    environment = {"LOCPATH": str(english), "LC_ALL": LOCALE, "LANG": LOCALE}
    with own_server(
        f"{request.param} server", lambda: private_store(request.param, environment=environment)
    ) as server:
        with closing(redis.Redis.from_url(server.url)) as client:
            # In C, 'B' (42) comes before 'a' (61).
            assert client.eval("return tostring('a' < 'B')", 0) == b"true", "another locale"
        yield server


@pytest.fixture(scope="session")
def english(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory for LOCPATH that has `LOCALE`; takes no root and leaves the machine alone."""
    path = tmp_path_factory.mktemp("locales")
    options = ["-i", "en_US", "-f", "UTF-8", str(path / LOCALE)]
    remedy = (
        f"install locales (Debian: apt-get install locales), for localedef {' '.join(options[:4])}"
    )
    localedef = shutil.which("localedef")
    if localedef is None:
        give_up(f"the locale {LOCALE}", [remedy])
    made = subprocess.run([localedef, *options], capture_output=True, text=True, check=False)
    if made.returncode != 0 or not (path / LOCALE).is_dir():
        give_up(f"the locale {LOCALE}", [f"{remedy}: {made.stderr}"])
    yield path
    shutil.rmtree(path)
