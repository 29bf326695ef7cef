"""Texts are ordered by their bytes, under a locale that orders them otherwise."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiler.rules.model import load_rules
from tests.lua.runner import IN_CI, T0, Runner, view
from tests.oracles.standard import StandardFold

if TYPE_CHECKING:
    from profiler.servers.embedded import StoreServer

#: Small and capital letters, accents and signs, which this locale mixes; and any other text.
LETTERS = "aAbBzZ_-é"
TEXTS = st.text(LETTERS, min_size=1, max_size=4) | st.text(min_size=1, max_size=3)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=IN_CI,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    views=st.lists(st.tuples(st.integers(0, 1), TEXTS, TEXTS), min_size=2, max_size=30),
    size=st.integers(1, 10),
)
def test_equal_times_are_ordered_by_bytes_whatever_the_locale(
    english_store: StoreServer, views: list[tuple[int, str, str]], size: int
) -> None:
    """Pages that are first and last, the latest visit, and the visit that has to go."""
    events = [
        view(at, visit, page, f"e{n}")._replace(timestamp=T0 + 1)
        for n, (at, visit, page) in enumerate(views)
    ]
    fold = StandardFold()
    with closing(Runner(english_store.url, load_rules("lean"))) as runner:
        for event, shown in zip(events, runner.answers(events, [size]), strict=True):
            assert shown == fold.apply(event.fields, record_ms=T0 + 1)
        assert runner.stored() == fold.latest("v")
