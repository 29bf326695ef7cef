"""Reading with asyncio, of one server."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
import redis

from profiler.errors import ConfigError, StoredStateError, StoreUnavailableError
from profiler.profiles.keyed_hash import KeyedHash, StoredIds
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.script import ProfileScript
from tests.integration.reader_runs import NAMES, RULES, pages, reading, see, settings_of

if TYPE_CHECKING:
    from profiler.profiles.reading import ProfileReader
    from tests.conftest import MakeStore


@pytest.mark.parametrize("flavour", ["redis7", "valkey9"])
def test_a_server_that_knows_no_script_is_sent_it_once(
    private_store: MakeStore, flavour: str
) -> None:
    store = private_store(flavour)
    see(store.url, *NAMES)
    with redis.Redis.from_url(store.url) as client:
        client.script_flush()

    async def twice(reader: ProfileReader) -> list[Any]:
        await reader.look_up_all(NAMES, "")
        return await reader.look_up_all([*NAMES, "nobody"], "")

    assert pages(reading(store.url, twice)) == [*NAMES, None]
    with redis.Redis.from_url(store.url) as client:
        stats = client.info("commandstats")
    assert stats["cmdstat_eval_ro"]["calls"] == len(NAMES)
    assert stats["cmdstat_evalsha_ro"]["calls"] == 2 * len(NAMES) + 1


def test_reading_agrees_with_the_synchronous_reader(private_store: MakeStore) -> None:
    store = private_store()
    see(store.url, "ada")
    script = ProfileScript(
        connect_to(settings_of(store.url)), RULES, clock=lambda: 1_700_000_100_000
    )
    expected = script.look_up("ada")
    assert expected is not None
    assert reading(store.url, lambda r: r.look_up("ada", 1_700_000_100_000)) == expected


def test_a_hashed_id_is_found_by_the_id_itself(private_store: MakeStore) -> None:
    store = private_store()
    stored = StoredIds(KeyedHash(b"k" * 32), is_hashed=True)
    see(store.url, "ada", stored=stored)
    found = reading(store.url, lambda r: r.look_up("ada", ""), stored=stored)
    assert found.profile["visitor_id"] == stored.of("ada") != "ada"
    assert reading(store.url, lambda r: r.look_up("ada", "")) is None


def test_a_connection_that_died_is_made_anew(private_store: MakeStore) -> None:
    store = private_store()
    see(store.url, "ada")

    async def restarted(reader: ProfileReader) -> Any:  # noqa: ANN401
        await reader.look_up("ada", "")
        with redis.Redis.from_url(store.url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        return await reader.look_up("ada", "")

    assert reading(store.url, restarted) is not None


def test_a_cancelled_read_leaves_no_reply_behind(private_store: MakeStore) -> None:
    """Else it would be taken for the next visitor's."""
    store = private_store()
    see(store.url, *NAMES)

    async def cancelled(reader: ProfileReader) -> list[Any]:
        await reader.look_up_all(NAMES, "")
        for delay in range(40):
            task = asyncio.create_task(reader.look_up(NAMES[0], ""))
            await asyncio.sleep(delay / 20_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert pages([await reader.look_up(NAMES[1], "")]) == [NAMES[1]]
        return await reader.look_up_all(NAMES, "")

    assert pages(reading(store.url, cancelled)) == NAMES


def test_what_goes_wrong_has_our_names(private_store: MakeStore) -> None:
    store = private_store(options=["--requirepass", "secret"])
    with pytest.raises(ConfigError):
        reading(store.url.replace("secret", "wrong"), lambda r: r.look_up("ada", ""))
    with pytest.raises(StoreUnavailableError):
        reading("redis://127.0.0.1:1/0", lambda r: r.look_up("ada", ""))


def test_a_key_of_another_program_is_named(private_store: MakeStore) -> None:
    store = private_store()
    with redis.Redis.from_url(store.url) as client:
        client.set("visitor:{ada}", "text")
        client.hset("visitor:{eve}", "~", "garbage")
    found = reading(store.url, lambda r: r.look_up_all(["ada", "eve"], ""))
    assert [type(each) for each in found] == [StoredStateError] * 2
    with pytest.raises(StoredStateError, match="another program"):
        reading(store.url, lambda r: r.look_up("ada", ""))


def test_a_server_that_hangs_is_given_up_in_time(private_store: MakeStore) -> None:
    store = private_store()
    see(store.url, "ada")

    async def hangs(reader: ProfileReader) -> Any:  # noqa: ANN401
        await reader.look_up("ada", "")
        os.kill(store.pid, signal.SIGSTOP)
        for _ in range(2):  # over a connection that is there, and over a new one
            with pytest.raises(StoreUnavailableError, match="no answer within 2 s"):
                await reader.look_up("ada", "")
        os.kill(store.pid, signal.SIGCONT)
        return await reader.look_up("ada", "")

    assert pages([reading(store.url, hangs)]) == ["ada"]
