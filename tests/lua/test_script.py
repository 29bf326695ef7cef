"""`ProfileScript`: which calls a batch becomes, and what becomes of each event."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis

from profiler.errors import ScriptContractError
from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent, Rejected
from profiler.rules.contract import MAX_EVENTS, contract_of
from profiler.rules.model import load_rules
from tests.lua.runner import T0

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servers.redis import Store
    from tests.conftest import MakeStore

RULES = load_rules("lean")
VISITOR, VISIT = RULES.identity.visitor[0], RULES.identity.visit
KIND, PAGE = RULES.inputs

#: Of scripts that are not ours: what they return to a call of one event.
BROKEN_REPLIES = "1 'x' {} {1} {{}} {{1}} {{'new'}} {{'',false}} {{'','x','1'}}"


def flat(visitor: object, offset: int = 0, *, stream: str = "s", **fields: Any) -> FlatEvent:  # noqa: ANN401 - any JSON
    """A page view; `visit`, `page` and `kind` may be given, None leaves a field out."""
    given = {VISITOR: visitor, VISIT: fields.get("visit", "A"), PAGE: fields.get("page", "home")}
    given[KIND] = fields.get("kind", "Pageview")
    present = {name: value for name, value in given.items() if value is not None}
    return FlatEvent(stream, offset, T0 + offset, present)


@pytest.fixture
def client(store: Store) -> Iterator[redis.Redis]:
    with closing(connect(store.url)) as client:
        yield client


@pytest.fixture
def script(client: redis.Redis, redis_client: redis.Redis, key_prefix: str) -> ProfileScript:
    """Its keys go with those of `redis_client`."""
    assert redis_client.ping()
    key = RULES.store.model_copy(update={"key": f"{key_prefix}{{<id>}}"})
    script = ProfileScript(client, RULES.model_copy(update={"store": key}))
    script.register()
    return script


def key(script: ProfileScript, visitor: str) -> str:
    return key_of(script.rules.store.key, visitor)


@contextmanager
def calls_counted(client: redis.Redis, expected: int) -> Iterator[None]:
    """Expects so many EVALSHA within; the server's own statistics tell."""
    client.config_resetstat()
    yield
    stats = client.info("commandstats")
    assert isinstance(stats, dict)
    assert stats.get("cmdstat_evalsha", {"calls": 0})["calls"] == expected


def test_a_visitor_s_events_go_in_one_call(
    script: ProfileScript, redis_client: redis.Redis
) -> None:
    batch = [flat(visitor, i * 3 + n) for i in range(5) for n, visitor in enumerate("abc")]

    with calls_counted(redis_client, 3):
        outcomes = script.apply(batch)

    counts = [o.profile["profile_visitor_events"] for o in outcomes if isinstance(o, Applied)]
    assert counts == [i for i in range(1, 6) for _ in "abc"]


def test_every_stream_of_a_visitor_is_a_call_of_its_own(
    script: ProfileScript, redis_client: redis.Redis
) -> None:
    """They follow one another, so the order of the batch is kept, and so is each watermark."""
    order = ["s", "s", "t", "s", "t", "t"]
    batch = [flat("a", n, stream=stream, page=f"p{n}") for n, stream in enumerate(order)]

    with calls_counted(redis_client, 4):
        outcomes = script.apply(batch)

    pages = [o.profile["profile_visitor_last_page"] for o in outcomes if isinstance(o, Applied)]
    assert pages == [f"p{n}" for n in range(6)]
    for outcome in script.apply(batch):
        assert isinstance(outcome, Applied)
        assert "replayed" in outcome.flags


def test_more_events_than_fit_a_call_go_in_several(
    script: ProfileScript, redis_client: redis.Redis
) -> None:
    batch = [flat("a", n, page=str(n)) for n in range(2 * MAX_EVENTS + 1)]

    with calls_counted(redis_client, 3):
        outcomes = script.apply(batch)

    counts = [o.profile["profile_visitor_events"] for o in outcomes if isinstance(o, Applied)]
    assert counts == list(range(1, len(batch) + 1))


def test_two_calls_of_a_visitor_are_never_under_way_together(
    script: ProfileScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed one followed by a good one would move the watermark past the failure."""
    sent = []
    write: Any = redis.Connection.send_packed_command

    def count(self: redis.Connection, command: Sequence[bytes]) -> None:
        sent.append(len(command))
        write(self, command)

    script.apply([flat("a")])
    monkeypatch.setattr(redis.Connection, "send_packed_command", count)

    script.apply([flat(visitor, n, stream="sst"[n]) for n in range(3) for visitor in "abc"])
    assert len(sent) == 2
    script.apply([flat("a", n) for n in range(MAX_EVENTS + 1)])
    assert len(sent) == 4
    assert (script.apply([]), len(sent)) == ([], 4)


@pytest.mark.parametrize("visitor", [None, ""])
def test_an_event_without_a_visitor_has_no_outcome(script: ProfileScript, visitor: object) -> None:
    outcomes = script.apply([flat("a"), flat(visitor), flat("b")])

    assert [type(outcome) for outcome in outcomes] == [Applied, type(None), Applied]


@pytest.mark.parametrize("bad", [True, False, 1.5, [], ["a"], {}, "x" * 513, "\u00fc" * 257])
@pytest.mark.parametrize("whose", ["visitor", "visit"])
def test_an_id_of_another_type_or_too_long_is_a_dead_letter(
    script: ProfileScript, whose: str, bad: object
) -> None:
    wrong = flat(bad, 1) if whose == "visitor" else flat("a", 1, visit=bad)

    first, outcome, last = script.apply([flat("a", 0), wrong, flat("a", 2)])

    assert isinstance(first, Applied)
    assert isinstance(last, Applied)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "bad_id"
    assert whose in outcome.reason
    assert last.profile["profile_visitor_events"] == 2


@pytest.mark.parametrize("good", ["x" * 512, "\u00fc" * 256])
def test_an_id_of_the_longest_length_is_taken(script: ProfileScript, good: str) -> None:
    (outcome,) = script.apply([flat(good, visit=good)])

    assert isinstance(outcome, Applied)
    assert outcome.profile["profile_visitor_id"] == outcome.profile["profile_visit_id"] == good


def test_an_integer_is_the_id_that_its_digits_are(script: ProfileScript) -> None:
    outcomes = script.apply([flat(17, 0, page=5), flat("17", 1, visit=-3), flat(17, 2, page=[1])])

    profiles = [outcome.profile for outcome in outcomes if isinstance(outcome, Applied)]
    assert [profile["profile_visitor_id"] for profile in profiles] == ["17"] * 3
    assert profiles[0]["profile_visit_last_page"] == "5"
    assert profiles[1]["profile_visit_id"] == "-3"
    assert profiles[2]["profile_visitor_pageviews"] == 3


def test_a_profile_s_values_have_the_declared_types(script: ProfileScript) -> None:
    (outcome,) = script.apply([flat("a", page=None, kind="Ping", visit=None)])

    assert isinstance(outcome, Applied)
    profile = outcome.profile
    assert profile["profile_visitor_events"] == 1
    assert profile["profile_visit_id"] is profile["profile_visitor_first_page"] is None
    assert profile["profile_new_visitor"] is True
    assert profile["profile_late"] is False
    assert profile["profile_rules_version"] == script.rules.version
    assert "no_visit" in outcome.flags


def test_a_damaged_profile_costs_its_own_events_only(
    script: ProfileScript, redis_client: redis.Redis
) -> None:
    redis_client.set(key(script, "b"), "no hash")

    outcomes = script.apply([flat("a", 0), flat("b", 1), flat("a", 2), flat("b", 3)])

    rejected = Rejected("EPROFILE", "the key holds no hash")
    assert [type(outcomes[0]), outcomes[1]] == [Applied, rejected]
    assert [type(outcomes[2]), outcomes[3]] == [Applied, rejected]


def test_a_newer_layout_stops(script: ProfileScript, redis_client: redis.Redis) -> None:
    redis_client.hset(key(script, "a"), "~", b"\x03e")

    with pytest.raises(ScriptContractError, match=r"update this one"):
        script.apply([flat("a")])


def test_a_flushed_script_is_loaded_again(private_store: MakeStore, script: ProfileScript) -> None:
    client = connect(private_store().url)
    lonely = ProfileScript(client, script.rules)
    assert not lonely.is_registered()

    for offset in range(3):
        outcomes = lonely.apply([flat(visitor, offset) for visitor in "abc"])
        assert [type(outcome) for outcome in outcomes] == [Applied] * 3
        assert lonely.is_registered()
        client.script_flush()
    client.close()


def test_read_gives_what_the_latest_visit_left_and_fields_its_names(script: ProfileScript) -> None:
    late = flat("a", 3, stream="", page="x")
    script.apply([flat("a", 0), flat("a", 5, visit="B", page="away"), late])

    profile = script.read("a")

    assert profile is not None
    assert profile["visit_id"] == "B"
    assert profile["visit_first_page"] == "away"
    assert profile["visitor_events"] == 3
    assert profile["visit_bounce"] is True
    assert script.read("nobody") is None
    assert script.fields() == [field.name for field in contract_of(RULES).fields]


@pytest.mark.parametrize("reply", BROKEN_REPLIES.split())
def test_a_reply_that_breaks_the_contract_stops(
    script: ProfileScript, redis_client: redis.Redis, reply: str
) -> None:
    """Another script under ours would be a bug: going on would lose data."""
    script.steps.sha = redis_client.script_load(f"return {reply}")

    with pytest.raises(ScriptContractError):
        script.apply([flat("a")])


def test_refused_arguments_stop(script: ProfileScript) -> None:
    with pytest.raises(ScriptContractError, match="EBADARG offset of event 1"):
        script.apply([flat("a", -5)])
