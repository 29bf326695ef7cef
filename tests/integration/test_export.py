"""`profiler export`: all that is stored of one visitor, and nothing of others."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from profiler.records.types import FlatEvent
from servers.redis import Store
from tests.integration.commands import run_command
from tests.integration.visitors import Visitors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeStore

T0 = 1_700_000_000_000


@pytest.fixture(params=["standard", "article"])
def visitors(
    private_store: MakeStore, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Visitors]:
    store = Store(private_store("redis7").url, "redis7")
    with closing(Visitors(store, request.param, "p:", tmp_path)) as visitors:
        yield visitors


def see(visitors: Visitors, visitor: str, visit: str, offset: int) -> None:
    fields = {
        "query-other_domain_userid": visitor,
        "query-other_domain_sessionid": visit,
        "query-other_eventtype": "Pageview",
        "query-other_page_title": f"page of {visit}",
    }
    event = FlatEvent("s:0", offset, T0 + offset, fields)
    visitors.script.execute(visitors.script.calls_of([event], {}))


def test_all_that_is_stored(visitors: Visitors, tmp_path: Path) -> None:
    for offset, visit in enumerate(["A", "B", "A", "C"]):
        see(visitors, "ada", visit, offset)
    see(visitors, "bob", "Z", 4)
    settings = {"redis__url": visitors.url, "rules": visitors.rules_path}

    done = run_command(["export", "ada"], **settings)

    assert done.code == 0, done
    found = json.loads(done.output)
    assert "bob" not in done.output
    assert "page of Z" not in done.output
    assert found["id"] == found["visitor"]["visitor_id"] == "ada"
    assert found["key"] == "p:{ada}"
    assert found["rules_version"] == visitors.rules.version
    assert found["stored_outputs"] == 4
    assert found["expires_at_iso"].endswith("Z")
    kept = {visit["visit_id"]: visit for visit in found["visits"]}
    if visitors.rules.order == "arrival":
        assert list(kept) == ["C"]
    else:
        assert list(kept) == ["A", "B", "C"]
        assert kept["A"]["visit_events"] == 2
        assert kept["B"]["visit_first_page"] == "page of B"
        assert kept["B"]["visit_start"] == T0 + 1
        assert kept["B"]["visit_start_iso"] == "2023-11-14T22:13:20.001Z"
        assert found["visitor"]["visitor_first_seen_iso"] == "2023-11-14T22:13:20.000Z"

    file = tmp_path / "ada.json"
    assert run_command(["export", "ada", "--output", str(file)], **settings).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    again = json.loads(file.read_text())
    assert {**again, "exported_at": ""} == {**found, "exported_at": ""}
    assert run_command(["export", "ada", "--output", str(file)], **settings).code == 2
    assert run_command(["export", "eve"], **settings).code == 1
