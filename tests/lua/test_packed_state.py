"""What `standard` packs tightly: identities without separators, and texts by their places.

The streams that Hypothesis draws meet neither the hashes nor so many visits.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from profiler.rules.model import load_rules
from tests.lua.runner import Runner, ping, view
from tests.oracles.events import digest_of

if TYPE_CHECKING:
    from servers.redis import Store

MOST_VISITS = 64


@pytest.mark.parametrize(
    ("ids", "shared"),
    [
        (["2404582", "3768367"], ""),  # 68534f44ba|8e, 68534f44ba|ce
        (["198264", "73561", "2930"], "39fb523d32b5"),  # de5b96|39fb52, 3d32b5|3001d0
        (["45682", "13218", "89228"], "f23b55d2cc5e"),  # f822|f23b55d2, cc5e|71202e49
        # 5d3d2e|f4c6ac, f4c6ac|f4c6ac: the place astride and the last id's own one overlap.
        (["1201914", "43265394"], "f4c6acf4c6ac"),
    ],
    ids=["five of its six bytes", "halves of two that follow each other", "parts of two", "itself"],
)
@pytest.mark.parametrize("visit", ["A", ""], ids=["in a visit", "without a visit"])
def test_an_id_whose_hash_shares_bytes_with_others_is_no_repeat(
    standard: Runner, ids: list[str], shared: str, visit: str
) -> None:
    """Found by trying numbers."""
    kept = "".join(map(digest_of, ids))
    if shared:
        # Among the bytes that are kept, the last id's are also found astride.
        assert kept.index(shared) % len(shared) != 0
        assert shared == digest_of(ids[-1])
    else:
        assert digest_of(ids[0])[:-2] == digest_of(ids[-1])[:-2]
    profiles = standard.profiles([view(at, visit, "p", each) for at, each in enumerate(ids)])
    assert [profile["visitor_events"] for profile in profiles] == [1, 2, 3][: len(ids)]
    (again,) = standard.profiles([view(len(ids) - 1, visit, "p", ids[-1])])
    assert (again["repeated"], again["visitor_events"]) == (True, len(ids))


def test_ids_whose_first_six_bytes_of_the_hash_are_equal_are_one(standard: Runner) -> None:
    """What the test above assumes: so many bytes are kept, and no more."""
    ids = ["14589693", "21243570"]
    assert [digest_of(each) for each in ids] == ["39d231978aca"] * 2
    profiles = standard.profiles([view(at, "A", "p", each) for at, each in enumerate(ids)])
    assert [profile["visit_events"] for profile in profiles] == [1, 1]


def test_of_the_most_visits_each_keeps_its_own_pages(store: Store) -> None:
    """A text that several fields share is kept once; the others have the number of its visit."""
    rules = load_rules("lean")
    limits = rules.limits.model_copy(update={"visits": MOST_VISITS})
    with closing(Runner(store.url, rules.model_copy(update={"limits": limits}))) as runner:
        for number in range(MOST_VISITS):
            visit = f"V{number}"
            # Begun earlier and ended later than all before, so the visitor's pages are its own.
            opened = view(2 * number, visit, f"last {number}", f"a{number}")
            entered = view(-number - 1, visit, f"first {number}", f"b{number}")
            runner.profiles([opened])
            runner.profiles([entered])
            (shown,) = runner.profiles([ping(2 * number - 1, "V0", f"c{number}")])
            assert shown["visitor_first_page"] == f"first {number}"
            assert shown["visitor_last_page"] == f"last {number}"
            assert (shown["visit_first_page"], shown["visit_last_page"]) == ("first 0", "last 0")
