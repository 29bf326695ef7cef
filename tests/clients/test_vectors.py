"""All callers agree, byte for byte: each runs all vectors, and notices a wrong one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import redis

from profiler.servers.ports import LOOPBACK, free_port
from tests.clients.languages import LANGUAGES, Finished, Language
from tests.clients.wrong_vectors import LUA, lua_folder, smallest_vector, wrong_vectors

if TYPE_CHECKING:
    from pathlib import Path

    from servers.redis import Store
    from servers.redis_cluster import RedisCluster
    from tests.conftest import MakeStore

VECTORS = [
    vector
    for file in sorted((LUA / "vectors").glob("*.json"))
    for vector in json.loads(file.read_text(encoding="utf-8"))
]
NAMES = [vector["name"] for vector in VECTORS]
SCRIPTS = {vector["script"] for vector in VECTORS}


def assert_all_hold(done: Finished) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    version, plan, *results = done.stdout.splitlines()
    assert (version, plan) == ("TAP version 14", f"1..{len(NAMES)}")
    assert results == [f"ok {number} - {name}" for number, name in enumerate(NAMES, start=1)]


def test_all_vectors_hold(language: Language, store: Store) -> None:
    assert_all_hold(language.vectors(store.url))


def test_all_vectors_hold_on_a_cluster(language: Language, redis_cluster: RedisCluster) -> None:
    assert_all_hold(language.vectors(redis_cluster.url, REDIS_CLUSTER="1"))


def test_script_is_loaded_where_the_server_does_not_know_it(
    language: Language, private_store: MakeStore
) -> None:
    server = private_store()
    assert_all_hold(language.vectors(server.url))
    with redis.Redis.from_url(server.url) as client:
        # Once for each script, and never again.
        assert client.info("errorstats")["errorstat_NOSCRIPT"] == {"count": len(SCRIPTS)}


def test_wrong_vectors_fail(language: Language, private_store: MakeStore, tmp_path: Path) -> None:
    url = private_store().url

    def exit_code(name: str, vector: dict[str, Any]) -> int:
        folder = lua_folder(tmp_path / name, vector)
        done = language.vectors(url, LUA_DIR=str(folder))
        assert done.returncode == 0 or "not ok 1 - new-visitor" in done.stdout.splitlines()
        return done.returncode

    assert exit_code("right", smallest_vector()) == 0
    codes = {name: exit_code(name, vector) for name, vector in wrong_vectors()}
    assert codes
    assert codes == dict.fromkeys(codes, 1)


def test_unreachable_server_is_no_success(language: Language) -> None:
    done = language.vectors(f"redis://{LOOPBACK}:{free_port()}")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "connect" in done.stderr.lower()


def test_all_four_are_here() -> None:
    assert {language.name for language in LANGUAGES} == {
        folder.name for folder in (LUA.parent / "clients").iterdir() if folder.is_dir()
    }
