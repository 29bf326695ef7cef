"""What differing rules do to visitors that they share, as docs/contract.md says it case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis

from profiler.rules import contract
from profiler.rules.compatibility import conflicts
from profiler.rules.contract import contract_json
from profiler.rules.model import Rules, load_rules
from profiler.rules.rule import Rule
from tests.lua.raw import TTL_TOLERANCE_MS, Script, event

if TYPE_CHECKING:
    from collections.abc import Callable

STANDARD, ARTICLE = load_rules("lean"), load_rules("article")
DAY_MS = 86_400_000


def contract_of(rules: Rules) -> dict[str, Any]:
    return contract_json(rules, "sha", "function")


def limited(rules: Rules = STANDARD, **limits: int) -> Rules:
    return rules.model_copy(update={"limits": rules.limits.model_copy(update=limits)})


def with_field(rules: Rules, scope: str, operation: str, value: str | None = None) -> Rules:
    extra = {"name": f"{scope}_extra", "scope": scope, "operation": operation, "value": value}
    return rules.model_copy(update={"fields": [*rules.fields, Rule.model_validate(extra)]})


@pytest.fixture
def script(redis_client: redis.Redis, key_prefix: str) -> Callable[[Rules], Script]:
    """Loads the script of any rules, for one and the same visitor."""
    return lambda rules: Script(redis_client, f"{key_prefix}{{v}}", rules)


def assert_refused(code: str, by: Script, *events: list[Any]) -> None:
    """Neither a read nor a write is answered, and nothing is changed."""
    before = by.stored()
    with pytest.raises(redis.ResponseError, match=f"^{code} "):
        by.raw(*events, stream="s")
    with pytest.raises(redis.ResponseError, match=f"^{code} "):
        by.read()
    assert by.stored() == before


@pytest.mark.parametrize("rules", [STANDARD, ARTICLE], ids=lambda rules: rules.name)
def test_an_older_script_refuses_a_newer_layout(
    redis_client: redis.Redis,
    script: Callable[[Rules], Script],
    rules: Rules,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The newer one goes on with what the older wrote, as this one does with layout 1."""
    old, old_contract = script(rules), contract_of(rules)
    old.raw(event(1, event_id="1"), stream="s")
    state = old.stored()[b"~"]
    assert state[:2] == b"\x93\2"
    redis_client.hset(old.key, "~", b"\x93\3" + state[2:])

    assert_refused("ELAYOUT", old, event(2, event_id="2"))
    monkeypatch.setattr(contract, "LAYOUT", 3)
    monkeypatch.setattr(contract, "READS_LAYOUTS", [1, 2, 3])
    (reason,) = conflicts(contract_of(rules), old_contract)
    assert reason.startswith("layout: ")
    assert reason.endswith("(ELAYOUT)")
    assert conflicts(old_contract, contract_of(rules)) == [reason]


@pytest.mark.parametrize("stream", ["s", ""])
def test_orders_refuse_each_other(redis_client: redis.Redis, key_prefix: str, stream: str) -> None:
    for first, second in ((STANDARD, ARTICLE), (ARTICLE, STANDARD)):
        key = f"{key_prefix}{first.name}"
        Script(redis_client, key, first).raw(event(1), stream=stream)
        assert_refused("EPROFILE", Script(redis_client, key, second), event(2))
        assert any(
            reason.startswith("order: ") and "EPROFILE" in reason
            for reason in conflicts(contract_of(first), contract_of(second))
        )


def test_a_smaller_cap_refuses_what_a_larger_lets_grow(
    script: Callable[[Rules], Script],
) -> None:
    larger, smaller = script(STANDARD), script(limited(profile_bytes=1_024))
    larger.raw(event(page="p" * 2_000))

    assert_refused("EPROFILE", smaller, event(1, page="q"))
    (reason,) = conflicts(contract_of(larger.rules), contract_of(smaller.rules))
    assert reason.startswith("profile_bytes: 262144 and 1024: ")


def test_in_order_of_arrival_a_field_that_one_does_not_know_goes_wrong(
    script: Callable[[Rules], Script],
) -> None:
    """The older opens a visit without starting the newer's count anew."""
    older, newer = script(ARTICLE), script(with_field(ARTICLE, "visit", "count"))
    newer.raw(event(visit="A"), event(visit="A"))
    older.raw(event(visit="B"))

    (answer,) = newer(event(visit="B"))

    assert answer.profile["visit_extra"] == b"3"  # of two
    (reason,) = conflicts(contract_of(older.rules), contract_of(newer.rules))
    assert reason.startswith("fields: visit_extra: ")


def test_another_contract_is_a_conflict() -> None:
    """Also where each would read the other's layout."""
    older = contract_of(STANDARD) | {"contract": 1}
    (reason,) = conflicts(contract_of(STANDARD), older)
    assert reason.startswith("contract: 2 and 1: ")
    assert conflicts(older, older) == []


def test_other_identity_fields_are_a_conflict() -> None:
    identity = STANDARD.identity.model_copy(update={"visit": "session", "event_id": None})
    other = STANDARD.model_copy(update={"identity": identity})
    (reason,) = conflicts(contract_of(STANDARD), contract_of(other))
    assert reason.startswith("identity: visit, event_id: ")


def test_another_order_of_visitor_fields_and_other_nobodies_are_conflicts() -> None:
    def rules(**identity: object) -> Rules:
        changed = STANDARD.identity.model_copy(update=identity)
        return STANDARD.model_copy(update={"identity": changed})

    (reason,) = conflicts(contract_of(STANDARD), contract_of(rules(visitor=("a", "b"))))
    assert reason.startswith("identity: visitor: ")
    (reason,) = conflicts(contract_of(STANDARD), contract_of(rules(nobody=("guest",))))
    assert reason.startswith("identity: nobody: ")


def test_another_key_is_a_conflict() -> None:
    store = STANDARD.store.model_copy(update={"key": "v2:{<id>}"})
    (reason,) = conflicts(
        contract_of(STANDARD), contract_of(STANDARD.model_copy(update={"store": store}))
    )
    assert reason.startswith('key: "visitor:{<id>}" and "v2:{<id>}": ')


def test_a_part_that_only_the_newer_contract_has_is_a_conflict() -> None:
    newer = contract_of(STANDARD)
    newer["compatibility"]["clock"] = "event"
    (reason,) = conflicts(contract_of(STANDARD), newer)
    assert reason.startswith('clock: null and "event": ')


# --- compatible, and what it means ---------------------------------------------------------------


def compatible(old: Script, new: Script) -> tuple[Script, Script]:
    assert conflicts(contract_of(old.rules), contract_of(new.rules)) == []
    return old, new


def test_a_smaller_number_of_visits_replaces_and_never_shrinks(
    script: Callable[[Rules], Script],
) -> None:
    larger, smaller = compatible(script(STANDARD), script(limited(visits=2)))
    larger.raw(*(event(ms=number, visit=f"V{number}") for number in range(5)))

    (opened,) = smaller(event(ms=10, visit="new"))

    assert opened.flags == {"new_visit", "truncated"}
    known = [
        larger(event(ms=number, visit=f"V{number}"))[0].flags == {"repeated"}
        for number in range(1, 5)
    ]
    assert known == [True] * 4
    assert larger(event(ms=11, visit="V0"))[0].flags == {"truncated"}  # it was forgotten
    assert larger.read()["visitor_visits"] == 6


def test_a_smaller_number_of_event_ids_forgets_first(script: Callable[[Rules], Script]) -> None:
    larger, smaller = compatible(script(STANDARD), script(limited(event_ids=2)))
    larger.raw(*(event(event_id=f"e{number}") for number in range(4)))
    assert larger(event(event_id="e0"))[0].flags == {"repeated"}

    assert smaller(event(event_id="e4"))[0].flags == {"truncated"}

    assert larger(event(event_id="e3"))[0].flags == {"repeated"}
    assert larger(event(event_id="e0"))[0].flags == set()  # counted again


def test_the_time_to_live_is_that_of_the_latest_call(
    redis_client: redis.Redis, script: Callable[[Rules], Script]
) -> None:
    store = STANDARD.store.model_copy(update={"ttl_days": 3})
    long, short = compatible(script(STANDARD), script(STANDARD.model_copy(update={"store": store})))
    for each in (long, short, long):
        each.raw(event(received=""))
        expected = each.rules.store.ttl_days * DAY_MS
        assert 0 <= expected - int(redis_client.pttl(each.key)) < TTL_TOLERANCE_MS


def test_other_inputs_recognise_repeats_by_event_id_only(
    script: Callable[[Rules], Script],
) -> None:
    """Without one the content stands for it, of which the inputs are a part."""
    newer_rules = with_field(STANDARD, "visit", "last", "query-other_zone")
    older, newer = compatible(script(STANDARD), script(newer_rules))
    older.raw(event(event_id="e"), event())

    assert newer([*event(event_id="e"), ""])[0].flags == {"repeated"}
    assert newer([*event(), ""])[0].flags == set()
    assert newer([*event(), ""])[0].flags == {"repeated"}


def test_plain_fields_are_those_of_the_latest_writer(script: Callable[[Rules], Script]) -> None:
    """So `HGETALL` shows none beside a visit that it is not of."""
    plain = STANDARD.model_copy(update={"plain": True})
    newer_rules = with_field(plain, "visit", "last", "query-other_zone")
    older, newer = compatible(script(plain), script(newer_rules))
    newer.raw([*event(ms=1, visit="A"), "north"])
    assert newer.stored()[b"visit_extra"] == b"north"
    older.raw(event(ms=2, visit="B"))

    shown = older.stored()
    assert (shown[b"visit_id"], shown.get(b"visit_extra")) == (b"B", None)
    assert newer.read()["visitor_events"] == 2
    newer.raw([*event(ms=3, visit="A"), ""])
    assert newer.stored()[b"visit_extra"] == b"north"


def test_rules_that_are_not_plain_leave_no_plain_field(
    script: Callable[[Rules], Script],
) -> None:
    plain, other = compatible(script(STANDARD.model_copy(update={"plain": True})), script(STANDARD))
    plain.raw(event(ms=1))
    assert b"visitor_id" in plain.stored()
    other.raw(event(ms=2))
    assert list(other.stored()) == [b"~"]
