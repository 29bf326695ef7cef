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

from profiler.rules.contract import contract_of
from profiler.rules.model import load_rules
from profiler.rules.render import function_of, render
from servers.redis import Store
from tests.missing import give_up

ROOT = Path(__file__).parents[2]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language, in order; `test_pages_run` has marked ones."""
    fenced = rf"(?<!<!-- run -->\n)```{language}\n(.*?)```"
    return re.findall(fenced, (ROOT / page).read_text("utf-8"), flags=re.DOTALL)


@pytest.fixture
def redis_url(store: Store, redis_client: redis.Redis) -> Iterator[str]:
    """A server that knows neither the visitor of the examples nor a function."""
    redis_client.delete("visitor:{ada}")
    yield store.url
    redis_client.delete("visitor:{ada}")
    name = function_of(render(load_rules("lean")))
    if redis_client.function_list(name):
        redis_client.function_delete(name)


def run_by_hand(commands: str, redis_url: str) -> str:
    """Run the commands of a page; returns what they print."""
    if shutil.which("redis-cli") is None:
        give_up("redis-cli", ["install it (Debian: apt-get install redis-tools)"])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,  # machines are shared
    ).stdout


@pytest.mark.parametrize("form", ["script", "function"])
def test_the_documented_call_by_hand_answers_as_documented(redis_url: str, form: str) -> None:
    page = (ROOT / "docs" / "contract.md").read_text("utf-8")
    by_script, _, by_function = blocks("docs/contract.md", "sh")
    printed = run_by_hand(by_script if form == "script" else by_function, redis_url).splitlines()
    names = [field.name for field in contract_of(load_rules("lean")).fields]
    answer, printed = printed[: len(names) + 1], printed[len(names) + 1 :]
    shown = re.search(r"```text\n1\) 1\) (.*?)   …", page, flags=re.DOTALL)
    assert shown is not None
    values = re.sub(r'^ *\d+\) |\(integer\) |"', "", shown[1], flags=re.MULTILINE).splitlines()
    assert answer[:5] == values
    assert printed[: 2 * len(names)] == [
        part for pair in zip(names, answer[1:], strict=True) for part in pair
    ]
    assert printed[2 * len(names) :] == (names if form == "script" else [])


def test_the_documented_call_shows_names_beside_values(redis_url: str) -> None:
    first, beside, _ = blocks("docs/contract.md", "sh")
    run_by_hand(first, redis_url)
    lines = run_by_hand(beside, redis_url).splitlines()
    names = [field.name for field in contract_of(load_rules("lean")).fields]
    assert [line.split(" ")[0] for line in lines] == ["flags", *names]
    assert {"flags ", "visit_first_page Home", "visit_last_page Prices", "visit_bounce 0"} <= {
        *lines
    }


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
    assert redis_client.exists("visitor:{ada}")
