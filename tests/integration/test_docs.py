"""The commands that the documentation shows are run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from profiler.rules.model import load_rules
from profiler.rules.render import function_of, render
from servers.redis import Store
from tests.missing import give_up

ROOT = Path(__file__).parents[2]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language, in order."""
    fenced = rf"```{language}\n(.*?)```"
    return re.findall(fenced, (ROOT / page).read_text("utf-8"), flags=re.DOTALL)


@pytest.fixture
def redis_url(store: Store, redis_client: redis.Redis) -> Iterator[str]:
    """A server that knows neither the visitor of the examples nor a function."""
    redis_client.delete("visitor:{ada}")
    yield store.url
    redis_client.delete("visitor:{ada}")
    name = function_of(render(load_rules("standard")))
    if redis_client.function_list(name):
        redis_client.function_delete(name)


@pytest.mark.parametrize("form", [0, 1], ids=["script", "function"])
def test_the_documented_call_by_hand_answers_as_documented(
    redis_url: str, redis_client: redis.Redis, form: int
) -> None:
    if shutil.which("redis-cli") is None:
        give_up("redis-cli", ["install it (Debian: apt-get install redis-tools)"])
    by_hand = blocks("docs/contract.md", "sh")
    assert len(by_hand) == 2
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", by_hand[form]],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        errors="replace",  # the internal field is bytes
        check=True,
        timeout=30,
    )
    words = ran.stdout.split()
    assert words[:5] == ["new_visitor", "new_visit", "visitor_id", "ada", "visitor_first_page"]
    # The read answers the same, without flags.
    assert words.count("visitor_first_page") == 2 + (form == 0)  # and HGETALL
    assert redis_client.hget("visitor:{ada}", "visit_first_page") == b"Home"


def test_the_documented_call_in_python_works(redis_url: str, redis_client: redis.Redis) -> None:
    """The other languages' are those of their READMEs, which tests/clients runs."""
    (in_python,) = blocks("docs/contract.md", "python")
    *statements, shown = in_python.strip().splitlines()
    flattened = {
        "query-other_domain_userid": "ada",
        "query-other_domain_sessionid": "visit-1",
        "query-other_eventtype": "Pageview",
        "query-other_page_title": "Home",
    }
    names: dict[str, object] = {
        "url": redis_url,
        "now_ms": 1_795_522_012_000,
        "flattened": flattened,
    }
    exec("\n".join(statements), names)  # noqa: S102 - our own page
    assert eval(shown, names) == "Home"  # noqa: S307 - the same
    assert redis_client.hget("visitor:{ada}", "visit_first_page") == b"Home"


@pytest.mark.parametrize(
    "page", sorted((ROOT).glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))
)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
