"""What is refused with a sidecar moves neither the sidecar nor the profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis

from profiler.profiles.keys import sidecar_of
from profiler.rules.contract import MOST_OUTPUTS
from servers.redis import FLAVOURS
from tests.lua.raw import Script, event
from tests.lua.sidecar_calls import KEY, call
from tests.presets import ONE_OF_EACH_ORDER

if TYPE_CHECKING:
    from tests.conftest import MakeStore


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_without_a_right_nothing_moves(private_store: MakeStore, flavour: str, preset: str) -> None:
    server = private_store(flavour)
    admin = redis.Redis.from_url(server.url)
    known = Script(admin, KEY, preset)
    known.sidecar = sidecar_of(KEY)
    user = redis.Redis.from_url(
        server.url,
        username="caller",
        password="any",  # noqa: S106 - nopass
        driver_info=None,
    )
    limited = Script(admin, KEY, preset)
    limited.client, limited.sidecar = user, known.sidecar
    allowed = ["+@all"]
    admin.acl_setuser("caller", enabled=True, nopass=True, keys=["*"], commands=allowed)
    call(known, 1)
    before, sidecar = known.stored(), admin.hgetall(known.sidecar)
    # Of another day, so that the profile's time to live is due too.
    later = event(2, ms=900_000_000, event_id="2")

    for name in ("hset", "pexpire", "evalsha"):
        admin.acl_setuser("caller", enabled=True, commands=[f"-{name}"])
        with pytest.raises(redis.ResponseError):
            limited.raw(later, stream="s")
        admin.acl_setuser("caller", enabled=True, commands=[f"+{name}"])
        assert (known.stored(), admin.hgetall(known.sidecar)) == (before, sidecar), name
    # The sidecar is this user's, and the profile may only be read; and the other way round.
    for keys in (f"%R~{KEY} ~{known.sidecar}", f"~{KEY} %R~{known.sidecar}", f"~{KEY}"):
        grant: Any = admin.execute_command
        grant("ACL", "SETUSER", "caller", "resetkeys", *keys.split())
        with pytest.raises(redis.ResponseError):
            limited.raw(later, stream="s")
        assert (known.stored(), admin.hgetall(known.sidecar)) == (before, sidecar), keys
    user.close()
    admin.close()


@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_a_server_without_memory_moves_nothing(private_store: MakeStore, preset: str) -> None:
    client = redis.Redis.from_url(private_store("redis7").url)
    script = Script(client, KEY, preset)
    script.sidecar = sidecar_of(KEY)
    first = call(script, 1)
    before = script.stored(), client.hgetall(script.sidecar)
    client.config_set("maxmemory", 1)

    with pytest.raises(redis.ResponseError, match=r"OOM|maxmemory"):
        call(script, 2)

    assert (script.stored(), client.hgetall(script.sidecar)) == before
    client.config_set("maxmemory", 0)
    assert call(script, 1) == first
    client.close()


#: The commands on a sidecar, each with what fails without it.
NEEDED_FOR = {
    "hset": "new",
    "pexpire": "new",
    "hgetall": "again",
    "hlen": "full",
    "hkeys": "full",
    "hdel": "full",
}


@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_each_right_to_a_sidecar_is_needed(private_store: MakeStore, preset: str) -> None:
    url = private_store("redis7").url
    admin = redis.Redis.from_url(url)
    script = Script(admin, KEY, preset)
    script.sidecar = sidecar_of(KEY)
    admin.acl_setuser("caller", enabled=True, nopass=True, keys=["*"], commands=["+@all"])
    user = redis.Redis.from_url(url, username="caller", password="any", driver_info=None)  # noqa: S106

    def failed() -> str:
        """What a life of calls fails at, as the user."""
        script.client = user
        try:
            call(script, 1)
        except redis.ResponseError:
            return "new"
        try:
            call(script, 1)
        except redis.ResponseError:
            return "again"
        try:
            for offset in range(2, 3 * MOST_OUTPUTS):
                call(script, offset)
        except redis.ResponseError:
            return "full"
        return ""

    assert failed() == ""
    for name, expected in NEEDED_FOR.items():
        admin.flushdb()
        admin.acl_setuser("caller", enabled=True, commands=[f"-{name}"])
        assert failed() == expected, name
        admin.acl_setuser("caller", enabled=True, commands=[f"+{name}"])
    user.close()
    admin.close()
