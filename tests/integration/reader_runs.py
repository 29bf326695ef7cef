"""Visitors, and a reader that looks at them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import redis
from pydantic import SecretStr

from profiler.config import RedisSettings
from profiler.profiles.keyed_hash import StoredIds
from profiler.profiles.reading import ProfileReader
from profiler.profiles.redis.connections import connect_to, target_of
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import Rules, load_rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

RULES = load_rules("standard")
NAMES = [f"visitor {number}" for number in range(60)]


def settings_of(url: str, **more: Any) -> RedisSettings:  # noqa: ANN401 - of any setting
    return RedisSettings(url=SecretStr(url), socket_timeout_s=2, **more)


def see(url: str, *names: str, stored: StoredIds | None = None, rules: Rules = RULES) -> None:
    """Give visitors a page view each."""
    client = connect_to(settings_of(url))
    script = ProfileScript(client, rules, stored=stored or StoredIds())
    script.apply(
        [
            FlatEvent(
                "",
                0,
                1_700_000_000_000,
                {
                    "query-other_domain_userid": name,
                    "query-other_domain_sessionid": "visit",
                    "query-other_eventtype": "Pageview",
                    "query-other_page_title": name,
                },
            )
            for name in names
        ]
    )
    client.close()


@asynccontextmanager
async def reader_of(url: str, **options: Any) -> AsyncIterator[ProfileReader]:  # noqa: ANN401
    reader = ProfileReader(target_of(settings_of(url)), RULES, **options)
    try:
        yield reader
    finally:
        await reader.close()


def reading(
    url: str,
    ask: Callable[[ProfileReader], Awaitable[Any]],
    **options: Any,  # noqa: ANN401 - of the reader
) -> Any:  # noqa: ANN401 - what was asked
    async def run() -> Any:  # noqa: ANN401
        async with reader_of(url, **options) as reader:
            return await ask(reader)

    return asyncio.run(run())


def pages(found: list[Any]) -> list[str | None]:
    return [each and each.profile["visitor_first_page"] for each in found]


def calls(url: str) -> int:
    """How many reads a server ran."""
    with redis.Redis.from_url(url) as client:
        stats = client.info("commandstats")
    return sum(
        stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha_ro", "eval_ro")
    )
