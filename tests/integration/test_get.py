"""`profiler get`: one visitor's profile, who wrote it and when it expires."""

from __future__ import annotations

import json
import re
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.integration.commands import run_command, run_on_terminal
from tests.integration.visitors import Visitors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

    from servers.redis import Store

DAY_MS = 86_400_000


@pytest.fixture
def standard(store: Store, key_prefix: str, tmp_path: Path) -> Iterator[Visitors]:
    with closing(Visitors(store, "lean", key_prefix, tmp_path)) as visitors:
        yield visitors


@pytest.fixture
def article(store: Store, key_prefix: str, tmp_path: Path) -> Iterator[Visitors]:
    with closing(Visitors(store, "article", key_prefix, tmp_path)) as visitors:
        yield visitors


def test_a_profile_comes_with_its_key_its_rules_and_its_end(standard: Visitors) -> None:
    before = time.time() * 1_000
    standard.see("ada")

    found = standard.found("ada")

    assert list(found) == ["visitor", "key", "profile", "rules_version", "expires_at"]
    assert (found["visitor"], found["key"]) == ("ada", standard.key("ada"))
    assert found["rules_version"] == standard.rules.version
    assert found["profile"]["visitor_pageviews"] == 1
    assert found["profile"]["visit_bounce"] is True
    after = time.time() * 1_000
    assert before + 395 * DAY_MS - 1_000 <= found["expires_at"] <= after + 395 * DAY_MS + 1_000


def test_a_terminal_gets_a_table(standard: Visitors) -> None:
    standard.see("[red]ada", page="[bold]Home\x1b[2J\x9b")

    done = run_on_terminal(["get", "[red]ada"], redis__url=standard.url, rules=standard.rules_path)

    assert done.code == 0, done.output
    assert "[red]ada" in done.output
    assert "[bold]Home\\x1b[2J\\x9b" in done.output, "markup or a control character got through"
    assert f"written by rules {standard.rules.version}" in done.output
    end = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 395 * 86_400))
    assert f"expires {end}" in done.output
    assert "in 395.0 days" in done.output


def test_the_article_preset(article: Visitors) -> None:
    article.see("ada")
    found = article.found("ada")

    assert found["rules_version"] == article.rules.version
    assert found["profile"] == {
        "visitor_id": "ada",
        "visit_id": "visit-1",
        "visitor_first_page": "Home",
        "visitor_last_page": "Home",
        "visit_first_page": "Home",
        "visit_last_page": "Home",
    }


def test_a_hash_of_the_article_s_own_program_has_no_rules(
    article: Visitors, redis_client: redis.Redis
) -> None:
    redis_client.hset(article.key("ada"), "visitor_first_page", "Home")
    found = article.found("ada")
    assert (found["rules_version"], found["expires_at"]) == (None, None)
    assert found["profile"]["visitor_first_page"] == "Home"


@pytest.mark.parametrize("visitor", ["-x", "--json", "a b", "ä/{}%", "'; DROP", "x" * 600])
def test_an_id_may_be_anything(standard: Visitors, visitor: str) -> None:
    standard.see(visitor)
    assert standard.found("--", visitor)["profile"]["visitor_id"] == visitor


def test_an_unknown_visitor_exits_1(standard: Visitors) -> None:
    assert standard.refused("nobody") == "no profile is stored for 'nobody'"


@pytest.mark.parametrize("visitor", [b"", b"\xff"])
def test_what_cannot_be_an_id_is_wrong_usage(standard: Visitors, visitor: bytes) -> None:
    done = standard.get(visitor)
    assert done.code == 2
    assert "no visitor has" in done.errors


def test_an_old_rules_version_is_named(standard: Visitors) -> None:
    """Of other rules the state has the digest only."""
    other = standard.rules.model_copy(update={"name": "other"})
    standard.use(other)
    standard.see("ada")

    shown = run_on_terminal(["get", "ada"], redis__url=standard.url, rules=standard.rules_path)

    digest = other.version.removeprefix("other-")
    assert re.search(rf"written by rules …-{digest}\s", shown.output)
    assert f"read with rules {standard.rules.version}" in shown.output
    assert "visitor_pageviews" in shown.output


@pytest.mark.parametrize("version", ["standard-4a33aa6c", f"{'x' * 32}-12345678"])
def test_the_rules_version_of_layout_1_is_named(
    standard: Visitors, redis_client: redis.Redis, version: str
) -> None:
    """More than 31 bytes are packed in another way there."""
    packed = "cmsgpack.pack({1, 'e', ARGV[1], '', 0, '', '', '', '', ''})"
    redis_client.eval(
        f"redis.call('HSET', KEYS[1], '~', {packed})", 1, standard.key("ada"), version
    )
    assert standard.found("ada")["rules_version"] == version


def test_a_profile_of_the_other_order_says_so(standard: Visitors, article: Visitors) -> None:
    article.see("ada")
    line = standard.refused("ada")
    digest = article.rules.version.removeprefix("article-")
    assert f"was written by rules …-{digest} (order arrival)" in line
    assert "name the rules that wrote it with --rules" in line


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("'SET', KEYS[1], 'x'", "holds no hash: another program wrote it"),
        ("'HSET', KEYS[1], 'a', 'b'", "has no state field: another program wrote this hash"),
        ("'HSET', KEYS[1], '~', ''", "is damaged: its state field cannot be read"),
        ("'HSET', KEYS[1], '~', 'text'", "is damaged: its state field cannot be read"),
        ("'HSET', KEYS[1], '~', pack({1})", "is damaged: its state field cannot be read"),
        ("'HSET', KEYS[1], '~', pack({1, 2, 3})", "is damaged: its state field cannot be read"),
        *(
            (f"'HSET', KEYS[1], '~', '{state}'", "is damaged: its state field cannot be read")
            for state in (
                "\\147\\1\\161e\\165x",
                "\\2",
                "\\2x",
                "\\2x1234",
                "\\2e123",
                "\\1e1234",
                "\\2e1234",
            )
        ),
        ("'HSET', KEYS[1], '~', '\\3e'", "layout 3, this one knows 2"),
        (
            "'HSET', KEYS[1], 'visitor_visits', 'x', '~', pack({1, 'e', 'x'})",
            "is damaged: its state field cannot be read",
        ),
    ],
)
def test_a_damaged_key_is_one_clear_line(
    standard: Visitors, redis_client: redis.Redis, command: str, message: str
) -> None:
    redis_client.eval(f"local pack = cmsgpack.pack; redis.call({command})", 1, standard.key("ada"))
    line = standard.refused("ada")
    assert standard.key("ada") in line
    assert message in line


def test_a_worker_may_not_ask_for_the_end(standard: Visitors, redis_client: redis.Redis) -> None:
    standard.see("ada")
    name = f"reader-{standard.key_prefix[:-1]}"
    redis_client.acl_setuser(
        name,
        enabled=True,
        nopass=True,
        keys=["*"],
        commands=["+evalsha", "+hget", "+hello", "+auth"],
    )
    try:
        url = standard.url.replace("//", f"//{name}:any@")
        done = run_command(["get", "ada", "--json"], redis__url=url, rules=standard.rules_path)
        assert done.code == 0, done
        assert json.loads(done.output)["expires_at"] is None
    finally:
        redis_client.acl_deluser(name)


def test_a_server_that_is_away_exits_1(standard: Visitors) -> None:
    standard.url = "redis://127.0.0.1:1/0"
    assert "Connection refused" in standard.refused("ada")
