"""The least rights of the service's user, as docs/service.md grants them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from profiler.rules.model import load_rules
from servers import passwords
from tests.integration.reader_runs import see
from tests.service.running import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeStore

PAGE = Path(__file__).parents[2] / "docs" / "service.md"
OPERATIONS = PAGE.with_name("operations.md")


def granted(page: Path, user: str) -> list[str]:
    """What a page grants a user: keys and commands."""
    found = re.search(
        rf"ACL SETUSER {user} on >secret (.*?)```", page.read_text("utf-8"), re.DOTALL
    )
    assert found is not None
    return [right for right in found[1].split() if right[0] in "~+"]


@contextmanager
def served_as(
    store_url: str, rights: list[str], directory: Path, preset: str = "standard"
) -> Iterator[Service]:
    with redis.Redis.from_url(store_url) as admin:
        admin.execute_command(
            *("ACL", "SETUSER", "reader", "reset", "on", f">{passwords.REDIS}", "-@all", *rights)
        )
    settings = {
        "redis__url": store_url,
        "redis__username": "reader",
        "redis__password": passwords.REDIS,
        "rules": preset,
    }
    with Service(directory, settings) as service:
        yield service


def test_the_documented_rights_are_enough_to_read_and_none_to_write(
    private_store: MakeStore, tmp_path: Path
) -> None:
    store = private_store()
    with served_as(store.url, granted(PAGE, "reader"), tmp_path) as service:
        assert service.ask("GET", "/readyz").status == 200
        assert service.read("nobody").status == 404
        see(store.url, "ada")
        assert service.read("ada").document["expires_at"] is not None
        service.wait_for(lambda: service.ask("GET", "/v1/stats").document["redis"] is not None)
        answer = service.ask("DELETE", "/v1/visitors/ada")
        assert (answer.status, answer.code) == (500, "failed")
        assert "Redis refuses us" in service.output


def test_the_rights_of_both_users_are_enough_to_forget(
    private_store: MakeStore, tmp_path: Path
) -> None:
    store = private_store()
    rights = [*granted(PAGE, "reader"), *granted(OPERATIONS, "eraser")]
    with served_as(store.url, rights, tmp_path) as service:
        assert service.ask("DELETE", "/v1/visitors/ada").status == 200


def test_article_needs_what_the_page_says_on_top(private_store: MakeStore, tmp_path: Path) -> None:
    store = private_store()
    words = re.search(r"order arrival need `(.*?)` on top", PAGE.read_text("utf-8"))
    assert words is not None
    rights = [*granted(PAGE, "reader"), *words[1].split()]
    with served_as(store.url, rights, tmp_path, "article") as service:
        assert service.read("ada").status == 404
        see(store.url, "ada", rules=load_rules("article"))
        assert service.read("ada").status == 200


@pytest.mark.parametrize("right", ["+evalsha_ro", "+eval_ro", "+hget", "+exists"])
def test_each_right_is_needed(private_store: MakeStore, tmp_path: Path, right: str) -> None:
    store = private_store()
    rights = [each for each in granted(PAGE, "reader") if each != right]
    with served_as(store.url, rights, tmp_path) as service:
        answer = service.ask("GET", "/readyz")
        assert (answer.status, answer.code) == (503, "failed")
        assert "docs/operations.md" in service.output
