"""The conformance vectors, by nothing but EVALSHA; lua/vectors/README.md has the format."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from profiler.profiles.keys import key_of
from servers.redis import FLAVOURS
from tests.missing import give_up
from tools.vectors.files import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import MakeStore

LUA = Path(__file__).parent.parent.parent / "lua"
FILES = sorted((LUA / "vectors").glob("*.json"))
VECTORS: list[dict[str, Any]] = [
    vector for file in FILES for vector in json.loads(file.read_text(encoding="utf-8"))
]
NAMES = [vector["name"] for vector in VECTORS]

PREFIX = b"<prefix>"
TTL_TOLERANCE_MS = 5_000
LOCALE = "en_US.UTF-8"


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_vector(redis_client: redis.Redis, key_prefix: str, vector: dict[str, Any]) -> None:
    check(redis_client, key_prefix, vector)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_vectors_hold_under_another_locale(
    private_store: MakeStore, english: Path, flavour: str
) -> None:
    """Lua's `<` on strings follows the server's locale; the script's answers must not."""
    server = private_store(
        flavour, environment={"LOCPATH": str(english), "LC_ALL": LOCALE, "LANG": LOCALE}
    )
    client = redis.Redis.from_url(server.url)
    try:
        # In C, 'B' (42) comes before 'a' (61).
        assert client.eval("return tostring('a' < 'B')", 0) == b"true", "the locale was not taken"
        for number, vector in enumerate(VECTORS):
            check(client, f"locale-{number}:", vector)
    finally:
        client.close()


def test_files_are_what_the_oracles_say() -> None:
    """`make vectors` writes them anew."""
    committed = {file.name: file.read_text(encoding="utf-8") for file in FILES}
    assert committed == files()


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_key_is_the_one_this_package_uses(vector: dict[str, Any]) -> None:
    visitor_id = vector["calls"][0]["argv"][0]
    if isinstance(visitor_id, str) and visitor_id:
        assert vector["key"] == PREFIX.decode() + key_of("visitor:{<id>}", visitor_id)


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
    begin = load(client, (LUA / "rendered" / f"{vector['preset']}.lua").read_text("utf-8"))
    execute: Callable[..., Any] = client.execute_command
    for command in vector.get("before", ()):
        execute(*raw(command, prefix))
    for number, call in enumerate(vector["calls"]):
        keys = raw(call["keys"], prefix)
        expected = call.get("error") or [answer(item) for item in call["reply"]]
        try:
            reply = execute(*begin, len(keys), *keys, *map(bytes_of, call["argv"]))
            got: Any = [decode(event) for event in reply]
        except redis.ResponseError as error:
            got = str(error).partition(" ")[0]
        assert got == expected, f"{vector['name']}, call {number}: {vector['why']}"

    (key,) = raw([vector["key"]], prefix)
    if vector["hash"] is None:
        assert execute("TYPE", key) not in (b"hash", b"none"), vector["name"]
    else:
        everything: dict[bytes, bytes] = execute("HGETALL", key)
        stored = {k: v for k, v in everything.items() if not k.startswith(b"~")}
        assert stored == encoded(vector["hash"]), f"{vector['name']}: {vector['why']}"
    ttl = client.pttl(key)
    if vector["ttl_ms"] is None:
        assert ttl < 0
    else:
        assert 0 <= vector["ttl_ms"] - ttl <= TTL_TOLERANCE_MS


def bytes_of(value: str | dict[str, str]) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["b64"])


def raw(arguments: list[Any], prefix: str) -> list[bytes]:
    """Arguments that may be keys: those begin with the placeholder."""
    placed = []
    for argument in arguments:
        text = bytes_of(argument)
        is_key = text.startswith(PREFIX)
        placed.append(prefix.encode() + text.removeprefix(PREFIX) if is_key else text)
    return placed


def encoded(values: dict[str, Any]) -> dict[bytes, bytes]:
    return {name.encode(): bytes_of(value) for name, value in values.items()}


def answer(expected: dict[str, Any]) -> tuple[set[bytes], dict[bytes, bytes]]:
    return {flag.encode() for flag in expected["flags"]}, encoded(expected["profile"])


def decode(event: list[bytes]) -> tuple[set[bytes], dict[bytes, bytes]]:
    """One event's part of a reply: flags, name, value, name, value, ..."""
    return set(event[0].split()), dict(zip(event[1::2], event[2::2], strict=True))
