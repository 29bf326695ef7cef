"""What of a person is in Redis: with hashed ids nothing that names anybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import redis

from profiler.profiles.keyed_hash import KeyedHash
from tests.integration.commands import refused, run_command
from tests.integration.pipe_runs import line, pipe
from tests.integration.pipeline_runs import rules_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStore

KEY = "00112233445566778899aabbccddeeff" * 2
HASH = KeyedHash(bytes.fromhex(KEY))
ADA = "ada@example.com"

FIELD = """
[[fields]]
name = "visitor_title"
scope = "visitor"
operation = "last"
value = "query-other_mail"
"""
PERSONAL = '[personal]\n"query-other_mail" = "hash"\n'


def everything(client: redis.Redis) -> bytes:
    """All keys and values."""
    found: list[Any] = []
    for key in client.scan_iter():
        found.append(key)
        is_hash = client.type(key) == b"hash"
        found += [str(client.hgetall(key)) if is_hash else str(client.get(key))]
    return b"\n".join(each if isinstance(each, bytes) else each.encode() for each in found)


def test_a_hashed_id_is_hashed_everywhere(private_store: MakeStore, tmp_path: Path) -> None:
    url = private_store("redis7").url
    rules = rules_file(tmp_path, "standard", "p:")
    rules.write_text(rules.read_text() + FIELD + PERSONAL)
    secret = tmp_path / "key"
    secret.write_text(KEY + "\n")
    settings = {
        "redis__url": url,
        "rules": str(rules),
        "privacy__hash_key_file": str(secret),
        "privacy__hash_visitor_id": "true",
    }
    environment = [(f"PROFILER_{name.upper()}", value) for name, value in settings.items()]
    event = json.loads(line(ADA, 1, timestamp=1_700_000_000_000))
    event["value"]["query"].append({"name": "other_mail", "value": "a private text"})

    outputs, errors = pipe(json.dumps(event).encode(), "--redis", url, settings=environment)

    assert errors == []
    assert outputs[0]["value"]["profile_visitor_id"] == HASH(ADA)
    assert outputs[0]["value"]["profile_visitor_title"] == HASH("a private text")
    assert outputs[0]["value"]["query-other_mail"] == "a private text"
    for command in (["get", ADA], ["export", ADA]):
        done = run_command(command, **settings)
        assert done.code == 0, done
        assert HASH(ADA) in done.output
        assert KEY not in done.output + done.errors
    with redis.Redis.from_url(url) as client:
        assert client.exists(f"p:{{{HASH(ADA)}}}")
        assert run_command(["get", HASH(ADA)], **settings).code == 1
        assert "profiles: 1" in run_command(["forget", ADA], **settings).output
        stored = everything(client)
    assert HASH(ADA).encode() in stored
    for plain in (ADA, "ada", "a private text", "%40", KEY):
        assert plain.encode() not in stored
    assert run_command(["get", ADA], **settings).code == 1
    shown = run_command(["config", "show"], **settings)
    assert "hash_key" in shown.output
    assert KEY not in shown.output + shown.errors


def test_without_a_key_nothing_is_hashed_and_nothing_starts(tmp_path: Path) -> None:
    rules = rules_file(tmp_path, "standard", "p:")
    rules.write_text(rules.read_text() + FIELD + PERSONAL)

    assert "hash_visitor_id needs hash_key" in refused("get", "a", privacy__hash_visitor_id="true")
    told = refused("get", "a", privacy__hash_key="abc")
    assert "openssl rand -hex 32" in told
    assert "abc" not in told
    assert "set privacy.hash_key" in refused("pipe", rules=str(rules))
