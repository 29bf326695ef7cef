"""The conformance vectors, by nothing but EVALSHA; lua/vectors/README.md has the format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from profiler.profiles.keys import key_of
from tools.vectors.files import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from profiler.servers.embedded import StoreServer

LUA = Path(__file__).parent.parent.parent / "lua"
FILES = sorted((LUA / "vectors").glob("*.json"))
VECTORS: list[dict[str, Any]] = [
    vector for file in FILES for vector in json.loads(file.read_text(encoding="utf-8"))
]
NAMES = [vector["name"] for vector in VECTORS]

PREFIX = b"<prefix>"
TTL_TOLERANCE_MS = 5_000


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_vector(redis_client: redis.Redis, key_prefix: str, vector: dict[str, Any]) -> None:
    check(redis_client, key_prefix, vector)


def test_vectors_hold_under_another_locale(english_store: StoreServer) -> None:
    """Lua's `<` on strings follows the server's locale; the script's answers must not."""
    client = redis.Redis.from_url(english_store.url)
    try:
        for number, vector in enumerate(VECTORS):
            check(client, f"locale-{number}:", vector)
    finally:
        client.close()


def test_files_are_what_the_oracles_say() -> None:
    """`make vectors` writes them anew, and renders the rules beside them."""
    vectors = LUA / "vectors"
    found = [*FILES, *vectors.glob("rules/*.lua"), *vectors.glob("derived/*.json")]
    committed = {
        file.relative_to(vectors).as_posix(): file.read_text(encoding="utf-8") for file in found
    }
    assert committed == files()


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_key_is_the_one_this_package_uses(vector: dict[str, Any]) -> None:
    visitor_id = vector["visitor"]
    if isinstance(visitor_id, str):
        assert vector["key"] == PREFIX.decode() + key_of("visitor:{<id>}", visitor_id)


def by_sha(client: redis.Redis, text: str) -> tuple[str, str]:
    """Load a rendering; the words with which a call of it begins."""
    return "EVALSHA", client.script_load(text)


def check(
    client: redis.Redis,
    prefix: str,
    vector: dict[str, Any],
    load: Callable[[redis.Redis, str], tuple[str, str]] = by_sha,
) -> None:
    """Run one vector on a server that has no key under `prefix`."""
    begin = load(client, (LUA / vector["script"]).read_text("utf-8"))
    execute: Callable[..., Any] = client.execute_command
    for command in vector.get("before", ()):
        execute(*raw(command, prefix))
    for number, call in enumerate(vector["calls"]):
        keys = raw(call["keys"], prefix)
        try:
            reply = execute(*begin, len(keys), *keys, *map(bytes_of, call["argv"]))
        except redis.ResponseError as error:
            got: Any = str(error).partition(" ")[0]
            expected: Any = call.get("error")
        else:
            got, expected = answers(call, reply, lambda: execute(*begin, 0, "fields"))
        assert got == expected, f"{vector['name']}, call {number}: {vector['why']}"

    (key,) = raw([vector["key"]], prefix)
    if vector["hash"] is None:
        assert execute("TYPE", key) not in (b"hash", b"none"), vector["name"]
    else:
        everything: dict[bytes, bytes] = execute("HGETALL", key)
        stored = {k: v for k, v in everything.items() if not k.startswith(b"~")}
        expected = {name.encode(): bytes_of(value) for name, value in vector["hash"].items()}
        assert stored == expected, f"{vector['name']}: {vector['why']}"
    ttl = client.pttl(key)
    if vector["ttl_ms"] is None:
        assert ttl < 0, vector["name"]
    else:
        assert 0 <= vector["ttl_ms"] - ttl <= TTL_TOLERANCE_MS, vector["name"]


def answers(call: dict[str, Any], reply: Any, fields: Callable[[], list[bytes]]) -> tuple[Any, Any]:  # noqa: ANN401 - a server's reply
    """What a call was answered, and what it must be answered, in one form."""
    if "reply" in call:
        names = [name.decode() for name in fields()]
        expected = [
            (
                set(each["flags"]),
                [(name, raw_value(v)) for name, v in each["profile"].items()],
                [raw_value(each["triggers"])] if "triggers" in each else [],
            )
            for each in call["reply"]
        ]
        count = len(names)
        got = [
            (
                told := set(flags.decode().split()),
                # Such an event has no profile, whatever stands there.
                [] if "forgotten" in told else list(zip(names, values[:count], strict=True)),
                values[count:],
            )
            for flags, *values in reply
        ]
        return got, expected
    if "read" in call:
        pairs = list(zip(reply[::2], reply[1::2], strict=True))
        read = {name.encode(): raw_value(value) for name, value in call["read"].items()}
        return (len(pairs), dict(pairs)), (len(read), read)
    return reply, [name.encode() for name in call["fields"]] if "fields" in call else call["error"]


def bytes_of(value: str | dict[str, str]) -> bytes:
    return value.encode() if isinstance(value, str) else bytes.fromhex(value["hex"])


def raw_value(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A value of a profile, as the server answers it."""
    if isinstance(value, list):
        return [raw_value(each) for each in value]
    return value if value is None else int(value) if isinstance(value, int) else bytes_of(value)


def raw(arguments: list[Any], prefix: str) -> list[bytes]:
    """Arguments that may be keys: those begin with the placeholder."""
    placed = []
    for argument in arguments:
        text = bytes_of(argument)
        is_key = text.startswith(PREFIX)
        placed.append(prefix.encode() + text.removeprefix(PREFIX) if is_key else text)
    return placed
