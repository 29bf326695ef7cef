"""A forget beside workers that apply, and the rights that its user needs."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import redis
from pydantic import SecretStr

from profiler.config.settings import RedisSettings
from profiler.errors import ConfigError
from profiler.profiles.forgetting import LIST_KEY
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from servers import passwords
from servers.redis import Store
from servers.redis_secure import USER
from tests.integration.documented_rights import OPERATIONS, make_user
from tests.integration.visitors import Visitors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeStore

#: Of a mark alone.
MARK_BYTES = 8


def test_the_documented_rights_are_enough_and_needed(private_store: MakeStore) -> None:
    url = private_store("redis7").url
    found = re.search(r"ACL SETUSER eraser on >secret (.*?)```", OPERATIONS.read_text(), re.DOTALL)
    assert found is not None
    rights = [word for word in found[1].split() if word[0] in "~+"]
    settings = RedisSettings(url=SecretStr(url), username=USER, password=SecretStr(passwords.REDIS))
    with closing(redis.Redis.from_url(url)) as admin:
        for missing in ("", *rights):
            admin.flushall()
            admin.script_flush()
            admin.hset("visitor:{ada}", "~", "a profile")
            admin.hset(LIST_KEY, "sha256:whose mark is over", "1:1")
            make_user(admin, [right for right in rights if right != missing])
            assert is_refused(settings) == bool(missing), missing
            assert (admin.hstrlen("visitor:{ada}", "~") == MARK_BYTES) == (
                missing in {"", "+exists"}
            )
            assert missing or admin.hlen(LIST_KEY) == 1


def is_refused(settings: RedisSettings) -> bool:
    """Forget and look; whether the user lacks a right for one of them."""
    now_ms, refused = time.time_ns() // 1_000_000, 0
    with closing(connect_to(settings)) as client:
        forgetting = ProfileScript(client, load_rules("standard")).forgetting
        steps: list[Callable[[], int]] = [
            partial(forgetting.forget, ["ada"], till=now_ms, keep_ms=1_000_000, now_ms=now_ms),
            partial(forgetting.look, ["ada"]),
        ]
        for step in steps:
            try:
                step()
            except ConfigError:
                refused += 1
    return refused > 0


def test_workers_that_apply_meanwhile(private_store: MakeStore, tmp_path: Path) -> None:
    """Each call is wholly before the forget or wholly behind it."""
    store = Store(private_store("redis7").url, "redis7")
    began = [threading.Event() for _ in range(4)]

    def work(number: int) -> list[bool]:
        directory = tmp_path / str(number)  # its rules are written there
        directory.mkdir()
        with closing(Visitors(store, "standard", "p:", directory)) as visitors:
            flags = []
            for offset in range(300):
                fields = {visitors.rules.identity.visitor[0]: "ada"}
                event = FlatEvent(f"s:{number}", offset, 1_700_000_000_000 + offset, fields)
                [outcome] = visitors.script.apply([event])
                assert isinstance(outcome, Applied)
                flags.append("forgotten" in outcome.flags)
                began[number].set()
            return flags

    with (
        closing(Visitors(store, "standard", "p:", tmp_path)) as visitors,
        ThreadPoolExecutor(4) as threads,
    ):
        working = [threads.submit(work, number) for number in range(4)]
        assert all(each.wait(10) for each in began)
        now_ms = time.time_ns() // 1_000_000
        forgetting = visitors.script.forgetting
        assert forgetting.forget(["ada"], till=now_ms, keep_ms=100_000, now_ms=now_ms) == 1
        told = [each.result() for each in working]
        assert forgetting.look(["ada"]) == 0
    for flags in told:
        assert flags == sorted(flags)
        assert {flags[0], flags[-1]} == {False, True}
