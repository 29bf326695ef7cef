"""The Python API on real servers: its examples, and what it does with events that are no good."""

from __future__ import annotations

import asyncio
import doctest
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import Sentinel
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

import profiler
import profiler.api
import profiler.rules.public
from profiler import Applied, AsyncProfileScript, FlatEvent, Profiled, Profiler, Rejected, Rules
from profiler.errors import ConfigError, InvalidRecordError, StoreUnavailableError
from profiler.rules.model import load_rules
from profiler.servers.ports import LOOPBACK, free_port
from servers.redis_sentinel import SERVICE, RedisSentinel
from tests.missing import own_server

if TYPE_CHECKING:
    from servers.redis import Store
    from servers.redis_cluster import RedisCluster

ROOT = Path(__file__).parents[2]
#: The address that the examples show.
SHOWN = "redis://127.0.0.1:6379"
VISITORS = 40
PATIENCE_S = 60

EXAMPLES = {
    "docs/python-api.md": (ROOT / "docs" / "python-api.md").read_text("utf-8"),
    "Profiler": str(profiler.api.Profiler.__doc__),
    "flatten": str(profiler.api.flatten.__doc__),
    "Rules": str(profiler.rules.public.Rules.__doc__),
}

TRIGGERED = """
extends = "lean"
name = "told"
[[triggers]]
name = "arrived"
scope = "visitor"
when = [{ field = "visitor_pageviews", ">" = 0 }]
"""


def event_of(visitor: str, page: str, **others: object) -> dict[str, Any]:
    fields = {
        "domain_userid": visitor,
        "domain_sessionid": "v",
        "eventtype": "Pageview",
        "page_title": page,
        **others,
    }
    return {"query": [{"name": f"other_{name}", "value": text} for name, text in fields.items()]}


def flat_event(visitor: str, number: int) -> FlatEvent:
    fields = profiler.flatten(event_of(visitor, f"Page {number}", event_id=f"{visitor}.{number}"))
    return FlatEvent("", 0, 1_700_000_000_000 + number, fields)


@pytest.mark.parametrize("where", EXAMPLES)
def test_examples_run_as_shown(where: str, store: Store, redis_client: redis.Redis) -> None:
    redis_client.unlink("visitor:{ada}", "visitor:{eva}")
    text = EXAMPLES[where].replace(SHOWN, store.url)
    test = doctest.DocTestParser().get_doctest(text, {}, where, where, 0)
    told: list[str] = []
    results = doctest.DocTestRunner().run(test, out=told.append)
    assert results.attempted > 1
    assert results.failed == 0, "".join(told)


def test_each_event_has_its_own_result_in_order(store: Store, key_prefix: str) -> None:
    who = key_prefix + "ada"
    events: list[profiler.api.Event] = [
        event_of(who, "Home"),
        "no JSON",
        event_of(who, "Broken", number=float("nan")),
        event_of("", "Nobody"),
        event_of(who, "Prices"),
        b"[]",
    ]
    with Profiler(store.url) as stage:
        results = stage.profile(events, received=1_700_000_000_000)

    codes = [each.code if isinstance(each, Rejected) else "" for each in results]
    assert codes == ["", "bad_json", "bad_json", "", "", "not_an_object"]
    profiled = [each.event for each in results if isinstance(each, Profiled)]
    assert [each["query-other_page_title"] for each in profiled] == ["Home", "Nobody", "Prices"]
    assert [each.get("profile_visit_pageviews") for each in profiled] == [1, None, 2]
    assert [each.get("profile_visit_start") for each in profiled] == [
        1_700_000_000_000,
        None,
        1_700_000_000_000,
    ]


def test_flat_events_are_taken_as_they_are(store: Store, key_prefix: str) -> None:
    flat = profiler.flatten(event_of(key_prefix, "Home"))
    with Profiler(store.url, "article", flat=True) as stage:
        [result] = stage.profile([flat])
    assert isinstance(result, Profiled)
    assert result.event == {**flat, **{n: result.event[n] for n in result.event if n not in flat}}
    assert result.event["profile_visitor_first_page"] == "Home"


def test_a_trigger_stands_with_the_event_that_fired_it(store: Store, key_prefix: str) -> None:
    with Profiler(store.url, Rules.parse(TRIGGERED)) as stage:
        results = stage.profile([event_of(key_prefix, "Home"), event_of(key_prefix, "Prices")])
    triggers = [each.triggers for each in results if isinstance(each, Profiled)]
    assert [[told["trigger"] for told in each] for each in triggers] == [["arrived"], []]


def test_it_starts_a_store_of_its_own_and_ends_it() -> None:
    with Profiler() as stage:
        stage.profile([event_of("ada", "Home")])
        assert stage.read("ada") is not None
    with pytest.raises(StoreUnavailableError):
        stage.read("ada")


def test_a_bad_event_is_refused_with_its_code() -> None:
    with pytest.raises(InvalidRecordError) as refused:
        profiler.flatten('{"a": 1}')
    assert refused.value.code == "bad_shape"


def test_rules_say_all_their_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('extends = "lean"\nname = "x"\nfoo = 1\nbar = 2\n')
    assert [line.split(": ")[0] for line in Rules.check(str(file))] == [
        f"{file}:3:1",
        f"{file}:4:1",
    ]
    with pytest.raises(ConfigError, match="No such file"):
        Rules.check(str(tmp_path / "missing.toml"))


def test_tasks_share_a_caller_while_the_script_is_flushed(store: Store, key_prefix: str) -> None:
    async def main() -> list[dict[str, Any] | None]:
        async with AsyncProfileScript.connect(store.url, "lean") as script:

            async def visit(visitor: str) -> None:
                for number in range(5):
                    [outcome] = await script.apply([flat_event(visitor, number)])
                    assert isinstance(outcome, Applied)
                    await script.register() if number % 2 else await flush()

            async with AsyncRedis.from_url(store.url) as client:

                async def flush() -> None:
                    await client.script_flush()

                names = [f"{key_prefix}{number}" for number in range(VISITORS)]
                await asyncio.gather(*map(visit, names))
                return [await script.read(name) for name in names]

    profiles = asyncio.run(main())
    assert [each and each["visitor_pageviews"] for each in profiles] == [5] * VISITORS


def test_asyncio_finds_the_nodes_of_a_cluster(redis_cluster: RedisCluster, key_prefix: str) -> None:
    names = [f"{key_prefix}{number}" for number in range(VISITORS)]

    async def main() -> list[dict[str, Any] | None]:
        async with AsyncProfileScript.connect(redis_cluster.url, "lean", cluster=True) as script:
            assert not await script.is_registered()
            await script.apply([flat_event(name, 0) for name in names])
            assert await script.is_registered()
            return [await script.read(name) for name in names]

    for primary in redis_cluster.primaries:
        with redis.Redis.from_url(primary.url) as client:
            client.script_flush()
    profiles = asyncio.run(main())
    assert [each and each["visitor_pageviews"] for each in profiles] == [1] * VISITORS


def test_asyncio_goes_by_a_client_of_sentinels_to_the_new_primary(key_prefix: str) -> None:
    """As docs/python-api.md says: redis-py makes the client, and asks the Sentinels."""
    name = f"{key_prefix}ada"
    never = Retry(NoBackoff(), 0)

    async def main(servers: RedisSentinel) -> dict[str, Any] | None:
        places = [(LOOPBACK, each.port) for each in servers.sentinels]
        sentinels: Any = Sentinel(places)  # type: ignore[no-untyped-call]
        client = sentinels.master_for(SERVICE, retry=never, socket_timeout=PATIENCE_S)
        async with AsyncExitStack() as stack:
            for each in sentinels.sentinels:
                stack.push_async_callback(each.aclose)
            script = AsyncProfileScript(client, load_rules("lean"))
            await stack.enter_async_context(script)
            await script.apply([flat_event(name, 0)])
            servers.await_copy()
            servers.primary.kill()
            servers.await_failover()
            deadline = time.monotonic() + PATIENCE_S
            while True:
                try:
                    await script.apply([flat_event(name, 1)])
                except StoreUnavailableError:
                    assert time.monotonic() < deadline
                else:
                    return await script.read(name)

    with own_server("Redis with Sentinels", RedisSentinel) as servers:
        profile = asyncio.run(main(servers))
    assert profile is not None
    assert profile["visitor_pageviews"] == 2


def test_asyncio_says_that_redis_is_away() -> None:
    async def main() -> None:
        async with AsyncProfileScript.connect(f"redis://{LOOPBACK}:{free_port()}") as script:
            await script.read("ada")

    with pytest.raises(StoreUnavailableError):
        asyncio.run(main())
    with pytest.raises(ConfigError, match="make a client"):
        AsyncProfileScript.connect("redis+sentinel://a:1/service/0")
