"""The script keeps to its budget of instructions, on both servers: nobody makes it slow unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

from bench.counting import Case, Counted, count_instructions
from bench.instructions import BUDGETS, STORED_BUDGETS
from servers.counted import CountedStore, counts_of
from servers.redis import FLAVOURS
from tests.missing import needed_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = [Case(preset, traffic) for preset, traffic in BUDGETS]
#: What most of the time goes into is not these; one batch would have 16 events a call, not 20.
BATCHES = 2


@pytest.fixture(scope="module", params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> str:
    """One server after the other."""
    return str(request.param)


@pytest.fixture(scope="module")
def counted(flavour: str) -> dict[Case, Counted]:
    """All cases of one server."""
    with needed_servers():
        return count_instructions(flavour, CASES, batches=BATCHES)


@pytest.fixture(scope="module")
def storing(flavour: str) -> dict[Case, Counted]:
    """The same cases of the same server, with stored outputs."""
    with needed_servers():
        return count_instructions(flavour, CASES, batches=BATCHES, stores=True)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_script_keeps_to_its_budget(counted: dict[Case, Counted], case: Case) -> None:
    found = counted[case]
    assert found.per_event <= BUDGETS[case], found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stored_outputs_keep_to_their_budget(
    counted: dict[Case, Counted], storing: dict[Case, Counted], case: Case
) -> None:
    found, stored = counted[case], storing[case]
    assert found.calls == stored.calls
    assert found.script < stored.script <= STORED_BUDGETS[case.traffic] * found.script


def test_the_cases_are_what_they_are_called(counted: dict[Case, Counted]) -> None:
    for (_, traffic), found in counted.items():
        least, most = {"one": (1, 1), "three": (3, 4), "twenty": (17, 23)}[traffic]
        assert least <= found.events / found.calls <= most
        # Else something else than the work was counted. Many arguments cost a server much, too.
        assert found.script > found.bare / 2 > 0


@pytest.fixture(scope="module", params=FLAVOURS)
def empty(request: pytest.FixtureRequest) -> Iterator[CountedStore]:
    with needed_servers():
        server = CountedStore(request.param)
    with server:
        yield server


def test_each_stretch_is_counted_alone(empty: CountedStore) -> None:
    with redis.Redis.from_url(empty.url, socket_timeout=60) as client:
        empty.take()
        for number in range(7):
            client.hset("key", "field", str(number))
        first = empty.take()
        client.hset("key", "field", "x")
        client.hgetall("key")
        second, third = empty.take(), empty.take()

    assert [stretch["hsetCommand"].calls for stretch in (first, second)] == [7, 1]
    assert "hgetallCommand" not in first
    assert second["hgetallCommand"].calls == 1
    assert not {"hsetCommand", "hgetallCommand"} & set(third)
    assert first["hsetCommand"].instructions > 3 * second["hsetCommand"].instructions > 0


def test_a_profile_is_added_up_by_callee() -> None:
    profile = """
fn=call
0 12
cfn=evalShaCommand
calls=3 0
0 1000
cfn=other
calls=1 0
0 5
fn=process
0 8
cfn=evalShaCommand
calls=1 0
0 10
"""
    assert counts_of(profile) == {"evalShaCommand": (4, 1010), "other": (1, 5)}
