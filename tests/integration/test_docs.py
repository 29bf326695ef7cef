"""The commands that the documentation shows are run as they stand there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import redis

from tests.servers import give_up
from tests.servers.redis import Store

ROOT = Path(__file__).parents[2]


def shell_blocks(page: str) -> list[str]:
    """The fenced shell blocks of a page, in order."""
    return re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)


def test_the_documented_call_by_hand_answers_as_documented(
    store: Store, redis_client: redis.Redis
) -> None:
    if shutil.which("redis-cli") is None:
        give_up("redis-cli", ["install it (Debian: apt-get install redis-tools)"])
    redis_client.delete("visitor:{ada}")
    (by_hand,) = shell_blocks("docs/contract.md")
    try:
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", by_hand],
            cwd=ROOT,
            env={**os.environ, "REDIS_URL": store.url},
            capture_output=True,
            text=True,
            errors="replace",  # the internal field is bytes
            check=True,
            timeout=30,
        )
        words = ran.stdout.split()
        assert words[:5] == ["new_visitor", "new_visit", "visitor_id", "ada", "visitor_first_page"]
        assert redis_client.hget("visitor:{ada}", "visit_first_page") == b"Home"
    finally:
        redis_client.delete("visitor:{ada}")


@pytest.mark.parametrize(
    "page", sorted((ROOT).glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))
)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
