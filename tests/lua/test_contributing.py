"""The recipes of CONTRIBUTING.md work: their patches are applied to a copy, which is run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lua.runner import T0
from tests.oracles.article import EVENT_TYPE, VISIT, VISITOR
from tests.oracles.events import EVENT_ID, EVENT_TIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import redis

    from servers.redis import Store

ROOT = Path(__file__).parents[2]
FIELD_PAGE = "CONTRIBUTING.md"
OPERATION_PAGE = "docs/adding-an-operation.md"

Fields = dict[str, Any]

#: Runs in a process of its own, which imports the patched copy. Reads {url, key, events} and
#: writes a profile, or the code of a refusal, for each event.
FOLD = """
import json, sys
import profiler
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules

assert profiler.__file__.startswith(sys.argv[1]), profiler.__file__
asked = json.load(sys.stdin)
rules = load_rules("standard")
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
    """For each page, a copy of the package to which the page's patches were applied."""
    copies = {}
    for page in (FIELD_PAGE, OPERATION_PAGE):
        copy = tmp_path_factory.mktemp("copy").resolve()
        unneeded = shutil.ignore_patterns("__pycache__", "vectors", "rendered", "_lua")
        for part in ("profiler", "lua"):
            shutil.copytree(ROOT / part, copy / part, ignore=unneeded)
        (copy / "profiler" / "_lua").symlink_to(copy / "lua")
        for patch in patches(page):
            # The folder may lie in a repository, and git would apply nothing there.
            env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)}
            done = subprocess.run(
                ["git", "apply", "-"],
                cwd=copy,
                env=env,
                input=patch,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{page}: {done.stderr}\n{patch}"
        copies[page] = copy
    return copies


def in_copy(copy: Path, program: str, text: str) -> str:
    """What a program prints that imports the package from the copy."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(copy)],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
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
    copy: Path, store: Store, key: str, events: Sequence[Fields], wanted: str
) -> set[tuple[tuple[str, Any], ...]]:
    """Fold all orders, each for a visitor of its own.

    Each event is sent once more at the end, so that every visit shows its value.

    Returns:
        What the orders showed: pairs of visit and value. One element means that they agree.
    """
    orders = list(permutations(events))
    sent = [
        {**each, VISITOR: f"v{number}"}
        for number, order in enumerate(orders)
        for each in (*order, *events)
    ]
    asked = {"url": store.url, "key": key, "now": T0 + 60_000, "events": sent}
    profiles = json.loads(in_copy(copy, FOLD, json.dumps(asked)))
    assert len(profiles) == len(sent)
    each_order, ends = 2 * len(events), []
    for begin in range(0, len(sent), each_order):
        again = profiles[begin + len(events) : begin + each_order]
        assert all(profile["profile_repeated"] for profile in again)
        ends.append({(p["profile_visit_id"], p[f"profile_{wanted}"]) for p in again})
    return {tuple(sorted(end)) for end in ends}


ORDERS = [
    event(1, "A", commerce_order_cents="900"),
    event(2, "A", commerce_order_cents=1_250),
    event(3, "A", commerce_order_cents="twelve"),
    event(4, "B", commerce_order_cents="0"),
    event(5, "B"),
]


@pytest.mark.parametrize(
    ("field", "by_visit"),
    [
        ("visitor_largest_order", (("A", 1_250), ("B", 1_250))),
        ("visit_largest_order", (("A", 1_250), ("B", 0))),
    ],
)
def test_the_operation_of_the_page_is_a_maximum_in_any_order(
    copies: dict[str, Path], store: Store, key: str, field: str, by_visit: tuple[Any, ...]
) -> None:
    assert in_every_order(copies[OPERATION_PAGE], store, key, ORDERS, field) == {by_visit}


def test_the_largest_number_of_the_page_s_operation_is_exact_and_longer_ones_are_ignored(
    copies: dict[str, Path], store: Store, key: str
) -> None:
    events = [
        event(1, "A", commerce_order_cents="9" * 15),
        event(2, "A", commerce_order_cents="1" + "0" * 15),
        event(3, "A", commerce_order_cents=-5),
    ]
    shown = in_every_order(copies[OPERATION_PAGE], store, key, events, "visit_largest_order")
    assert shown == {(("A", 10**15 - 1),)}


def test_a_visit_without_a_number_has_no_maximum(
    copies: dict[str, Path], store: Store, key: str
) -> None:
    events = [event(1, "A"), event(2, "A", commerce_order_cents="")]
    shown = in_every_order(copies[OPERATION_PAGE], store, key, events, "visit_largest_order")
    assert shown == {(("A", None),)}


def test_the_operation_of_the_page_is_refused_where_it_would_be_a_count(
    copies: dict[str, Path],
) -> None:
    arrival = (ROOT / "lua" / "presets" / "article.toml").read_text("utf-8")
    rule = '[[fields]]\nname = "visit_most"\nscope = "visit"\noperation = "max"\nvalue = "v"\n'
    said = in_copy(copies[OPERATION_PAGE], REFUSE, f"{arrival}\n{rule}")
    assert "rule visit_most: operation: max needs order event_time" in said


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
    shown = in_every_order(copies[FIELD_PAGE], store, key, events, "visit_products")
    assert shown == {(("A", 2), ("B", 1))}


def test_the_pages_still_have_their_patches() -> None:
    assert [len(patches(page)) for page in (FIELD_PAGE, OPERATION_PAGE)] == [1, 5]
