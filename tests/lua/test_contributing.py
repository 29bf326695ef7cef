"""The recipes of CONTRIBUTING.md work: their patches are applied to a copy, which is run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from servers.redis import FLAVOURS
from tests.lua.runner import T0
from tests.oracles.article import EVENT_TYPE, VISIT, VISITOR
from tests.oracles.events import EVENT_ID, EVENT_TIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import redis

    from servers.redis import Store

ROOT = Path(__file__).parents[2]
FIELD_PAGE = "CONTRIBUTING.md"
OPERATION_PAGE = "docs/adding-an-operation.md"

Fields = dict[str, Any]

#: Runs in a process of its own, which imports the patched copy. Reads {rules, url, key, now,
#: events} and writes a profile, or the code of a refusal, for each event.
FOLD = """
import json, sys
import profiler
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules

assert profiler.__file__.startswith(sys.argv[1]), profiler.__file__
asked = json.load(sys.stdin)
rules = load_rules(asked["rules"])
store = rules.store.model_copy(update={"key": asked["key"]})
script = ProfileScript(connect(asked["url"]), rules.model_copy(update={"store": store}))
profiles = []
for fields in asked["events"]:  # one by one: each event is a call
    [outcome] = script.apply([FlatEvent("", 0, asked["now"], fields)])
    profiles.append(outcome.profile)
json.dump(profiles, sys.stdout)
"""

REFUSE = """
import sys
from profiler.errors import ConfigError
from profiler.rules.model import parse_rules
try:
    parse_rules(sys.stdin.read(), "my.toml")
except ConfigError as error:
    print(error)
"""


def patches(page: str) -> list[str]:
    """The patches of a page, in order, without the indent of a list."""
    text = (ROOT / page).read_text("utf-8")
    found = re.findall(r"^( *)```diff\n(.*?)^ *```$", text, flags=re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", patch, flags=re.MULTILINE) for indent, patch in found]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each page, a copy of the repository to which the page's patches were applied."""
    copies = {}
    for page in (FIELD_PAGE, OPERATION_PAGE):
        copy = tmp_path_factory.mktemp("copy").resolve()
        unneeded = shutil.ignore_patterns("__pycache__", "node_modules", "_lua")
        for part in ("profiler", "lua", "servers", "tests", "tools"):
            shutil.copytree(ROOT / part, copy / part, ignore=unneeded)
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / "profiler" / "_lua").symlink_to(copy / "lua")
        for patch in patches(page):
            # The folder may lie in a repository, and git would apply nothing there.
            ours = {"GIT_CEILING_DIRECTORIES": str(copy.parent)}
            done = run(["git", "apply", "-"], copy, patch, ours)
            assert done.returncode == 0, f"{page}: {done.stderr}\n{patch}"
        copies[page] = copy
    return copies


def run(
    command: Sequence[str], folder: Path, text: str = "", more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command there, with this text as its input."""
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        command,
        cwd=folder,
        env={
            **inherited,
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            **(more or {}),
        },
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,  # machines are shared
    )


def in_copy(copy: Path, program: str, text: str) -> str:
    """What a program prints that imports the package from the copy."""
    done = run([sys.executable, "-c", program, str(copy)], copy, text)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def key(redis_client: redis.Redis, key_prefix: str) -> Iterable[str]:
    """The pattern of a key that no other test uses; what was written there goes."""
    yield f"{key_prefix}{{<id>}}"
    written = list(redis_client.scan_iter(match=f"{key_prefix}*"))
    if written:
        redis_client.unlink(*written)


def event(number: int, visit: str, **fields: object) -> Fields:
    """An event at its own second."""
    return {
        VISIT: visit,
        EVENT_ID: f"e{number}",
        EVENT_TIME: T0 + 1_000 * number,
        **fields,
    }


def in_every_order(
    copied: tuple[Path, str], store: Store, key: str, events: Sequence[Fields], wanted: str
) -> set[tuple[tuple[str, Any], ...]]:
    """Fold all orders, each for a visitor of its own, by a copy and its rules.

    Each event is sent once more at the end, so that every visit shows its value.

    Returns:
        What the orders showed: pairs of visit and value. One element means that they agree.
    """
    (copy, rules), orders = copied, list(permutations(events))
    sent = [
        {**each, VISITOR: f"v{number}"}
        for number, order in enumerate(orders)
        for each in (*order, *events)
    ]
    asked = {"url": store.url, "key": key, "now": T0 + 60_000, "events": sent, "rules": rules}
    profiles = json.loads(in_copy(copy, FOLD, json.dumps(asked)))
    assert len(profiles) == len(sent)
    each_order, ends = 2 * len(events), []
    for begin in range(0, len(sent), each_order):
        again = profiles[begin + len(events) : begin + each_order]
        assert all(profile["profile_repeated"] for profile in again)
        ends.append({(p["profile_visit_id"], p[f"profile_{wanted}"]) for p in again})
    return {tuple(sorted(end)) for end in ends}


SALE = {EVENT_TYPE: "Sale"}


def test_the_operation_of_the_page_is_the_same_in_any_order(
    copies: dict[str, Path], store: Store, key: str
) -> None:
    copied = (copies[OPERATION_PAGE], "lua/vectors/rules/sales.toml")
    events = [event(1, "A"), event(2, "A", **SALE), event(3, "A"), event(4, "B")]

    shown = in_every_order(copied, store, key, events, "visit_has_bought")
    assert shown == {(("A", 1), ("B", 0))}
    shown = in_every_order(copied, store, key, events, "visitor_has_bought")
    assert shown == {(("A", 1), ("B", 1))}


def test_the_operation_of_the_page_passes_the_tests_that_the_page_names(
    copies: dict[str, Path],
) -> None:
    copy = copies[OPERATION_PAGE]
    written = run([sys.executable, "-m", "tools.vectors"], copy)
    assert written.returncode == 0, written.stderr
    (named,) = re.findall(
        r"`\.venv/bin/python (-m pytest .*)`", (ROOT / OPERATION_PAGE).read_text()
    )
    command = [sys.executable, *shlex.split(named), "-q", "-p", "no:cacheprovider"]

    passed = run(command, copy)
    assert passed.returncode == 0, passed.stdout[-2000:]
    assert int(re.findall(r"(\d+) passed", passed.stdout)[0]) > len(FLAVOURS) * 12
    file = copy / "lua" / "operations" / "any.lua.j2"
    assert file.read_text().count("math.max") == 1
    file.write_text(file.read_text().replace("math.max", "math.min"))
    broken = run([*command, "-x"], copy)
    assert broken.returncode == 1, broken.stdout[-2000:]
    assert "FAILED tests/lua/test_operations.py" in broken.stdout


@pytest.mark.parametrize(
    ("was", "becomes", "finding"),
    [
        ('"event_time"', '"arrival"', "operation: any is unknown to order arrival"),
        ('"any"', '"any"\nvalue = "query-other_page_title"', "value: any takes no value"),
        ('bounce = "visit_events"', 'bounce = "visit_has_bought"', "bounce must name a count"),
    ],
)
def test_a_wrong_rule_with_the_operation_of_the_page_is_refused(
    copies: dict[str, Path], was: str, becomes: str, finding: str
) -> None:
    copy = copies[OPERATION_PAGE]
    rules = (copy / "lua" / "vectors" / "rules" / "sales.toml").read_text("utf-8")

    assert was in rules
    assert finding in in_copy(copy, REFUSE, rules.replace(was, becomes, 1))


PRODUCT = {EVENT_TYPE: "Product", "query-other_page_url": "https://shop.example/1"}


def test_the_field_of_the_page_counts_in_any_order(
    copies: dict[str, Path], store: Store, key: str
) -> None:
    events = [
        event(1, "A", **PRODUCT),
        event(2, "A", **PRODUCT),
        event(3, "A", **{**PRODUCT, EVENT_TYPE: "Pageview"}),
        event(4, "A", **{**PRODUCT, "query-other_page_url": ""}),
        event(5, "B", **PRODUCT),
    ]
    shown = in_every_order((copies[FIELD_PAGE], "standard"), store, key, events, "visit_products")
    assert shown == {(("A", 2), ("B", 1))}


def test_the_pages_still_have_their_patches() -> None:
    assert [len(patches(page)) for page in (FIELD_PAGE, OPERATION_PAGE)] == [1, 4]
