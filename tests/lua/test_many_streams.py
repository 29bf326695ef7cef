"""A visitor whose events come by many partitions: no watermark is forgotten within the limit."""

from contextlib import closing

import pytest

from profiler.config.settings import MAX_STREAMS, LimitSettings
from profiler.profiles.reply import Applied
from profiler.records.types import FlatEvent
from profiler.rules.contract import STATE_FIELD
from profiler.rules.model import load_rules
from profiler.rules.tables import Limits
from servers.redis import Store
from tests.lua.runner import T0, Runner

DEFAULT = LimitSettings().streams
#: The most bytes of a watermark: the name's length, name and partition, offset.
MARK_BYTES = 21


def events(streams: int, *, offset: int = 4_000_000_000) -> list[FlatEvent]:
    """One event of visitor v in each stream, which has a name as workers give."""
    fields = {"query-other_domain_userid": "v", "query-other_eventtype": "click"}
    return [
        FlatEvent(f"AbCdEfGh:{number}", offset, T0 + number, fields) for number in range(streams)
    ]


def replayed(runner: Runner, some: list[FlatEvent]) -> list[bool]:
    """Which events the script takes for redelivered ones."""
    outcomes = [out for out in runner.outcomes(some) if isinstance(out, Applied)]
    assert len(outcomes) == len(some)
    return ["replayed" in outcome.flags for outcome in outcomes]


@pytest.mark.parametrize("preset", ["lean", "article"])
def test_rules_and_setting_have_one_limit(preset: str) -> None:
    assert load_rules(preset).limits.streams == DEFAULT == Limits().streams == 1_024


@pytest.mark.parametrize("streams", [DEFAULT, MAX_STREAMS])
@pytest.mark.parametrize("preset", ["lean", "article"])
def test_no_stream_within_the_limit_counts_twice(store: Store, preset: str, streams: int) -> None:
    rules = load_rules(preset)
    limits = rules.limits.model_copy(update={"streams": streams})
    with closing(Runner(store.url, rules.model_copy(update={"limits": limits}))) as runner:
        assert not any(replayed(runner, events(streams)))
        assert all(replayed(runner, events(streams)))
        state = runner.client.hget(runner.key("v"), STATE_FIELD)
        assert isinstance(state, bytes)
        assert len(state) < streams * MARK_BYTES + 1_024


def test_a_stream_beyond_the_limit_takes_the_place_of_the_oldest(standard: Runner) -> None:
    """So the worker refuses a topic with more partitions: here an event counts twice."""
    assert not any(replayed(standard, events(DEFAULT + 1)))
    assert replayed(standard, events(1)) == [False]


def test_events_without_a_stream_take_no_streams_place(standard: Runner) -> None:
    assert not any(replayed(standard, events(DEFAULT)))
    (event,) = events(1)
    assert replayed(standard, [event._replace(stream="")]) == [False]
    assert replayed(standard, events(1)) == [True]
