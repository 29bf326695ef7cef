"""Whether the tables of a rules file fit together."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from profiler.rules.computed import BOUNCE, Computed
from profiler.rules.condition import tests_in
from profiler.rules.places import PlacedError
from profiler.rules.rule import Rule
from profiler.rules.trigger import check_triggers

if TYPE_CHECKING:
    from profiler.rules.model import Rules

#: Lua allows 200 locals in a function; an input takes up to two, a predicate one.
MAX_INPUTS = 64


def check_consistency(rules: "Rules") -> None:
    """Look how all tables go together.

    Raises:
        PlacedError: the first finding.
    """
    _names_resolve(rules)
    _computed_fields_resolve(rules)
    _earlier_rules_resolve(rules)
    _flags_are_known(rules)
    _triggers_fit(rules)
    _visits_are_found(rules)


def _names_resolve(rules: "Rules") -> None:
    _require_own_names(rules.fields)
    codes: dict[bytes, str] = {}
    for index, rule in enumerate(rules.fields):
        if rule.when is not None and rule.when not in rules.predicates:
            message = f"no predicate is called {rule.when}"
            raise PlacedError(("fields", index, "when"), message, rules.predicates)
        if (twin := codes.setdefault(rules.code_of(rule), rule.name)) != rule.name:
            message = f"shares its state code with {twin}, rename one"
            raise PlacedError(("fields", index, "name"), message)
        if rules.order not in rule.declared.orders:
            what = f"{rule.operation} with a window" if rule.window else rule.operation
            message = f"{what} is unknown to order {rules.order}"
            raise PlacedError(("fields", index, "operation"), message)
    if rules.order == "event_time":
        _require_bounce(rules)
    elif rules.visit is not None:
        raise PlacedError(("visit",), "visits are remembered only with order event_time")
    if len(rules.inputs) > MAX_INPUTS:
        raise PlacedError(("fields",), f"at most {MAX_INPUTS} fields of the event may be used")


def _require_bounce(rules: "Rules") -> None:
    named = rules.visit.bounce if rules.visit else None
    if named is None and any(field.name == BOUNCE for field in rules.computed or ()):
        return
    counts = {r.name for r in rules.fields if r.scope == "visit" and r.declared.counts}
    if named not in counts:
        message = "bounce must name a count of scope visit"
        raise PlacedError(("visit", "bounce"), message, counts, needs=("computed",))


def _computed_fields_resolve(rules: "Rules") -> None:
    declared = {rule.name: rule for rule in rules.fields}
    taken = {name for rule in rules.fields for name in rule.names}
    if rules.visit and rules.visit.bounce:
        taken.add(BOUNCE)
    before: dict[str, Computed] = {}
    for index, field in enumerate(rules.computed or ()):
        place = ("computed", index)
        if rules.order == "arrival":
            raise PlacedError(place, "computed fields are known to order event_time only")
        if field.name in taken or field.name in before:
            raise PlacedError((*place, "name"), f"{field.name} is another field, too")
        try:
            field.check(declared, before)
        except PlacedError as error:
            raise PlacedError((*place, *error.place), str(error)) from error
        before[field.name] = field


def _earlier_rules_resolve(rules: "Rules") -> None:
    if rules.store.forget_dropped and rules.order == "arrival":
        message = "in order of arrival values stand by name, and nothing is carried along"
        raise PlacedError(("store", "forget_dropped"), message)
    for index, rule in enumerate(rules.fields):
        if rule.was is not None and rules.order == "arrival":
            message = "in order of arrival a value stands by its name, so it has no other"
            raise PlacedError(("fields", index, "was"), message)
        before = rule.before.when
        if before is not None and before not in rules.predicates:
            message = f"no predicate is called {before}: keep it under its name"
            raise PlacedError(("fields", index, "was", "when"), message, rules.predicates)


def _flags_are_known(rules: "Rules") -> None:
    for name, tests in rules.predicates.items():
        if rules.order == "arrival" and any(test.asks_flags for test in tests):
            raise PlacedError(("predicates", name), "flags are known to order event_time only")


def _triggers_fit(rules: "Rules") -> None:
    for name, tests in rules.predicates.items():
        if any(t.equals is not None and not isinstance(t.equals, str) for t in tests_in(tests)):
            message = "equals takes a text of the event; between takes numbers"
            raise PlacedError(("predicates", name), message)
    if rules.triggers and rules.order == "arrival":
        raise PlacedError(("triggers",), "triggers are known to order event_time only")
    check_triggers(rules.triggers or [], rules.fields, rules.computed or [], rules.code_of)


def _visits_are_found(rules: "Rules") -> None:
    gap = rules.visit.gap if rules.visit else None
    if gap is None and not rules.identity.visit:
        message = "name the field with the visit's id here, or say visit.gap"
        raise PlacedError(("identity", "visit"), message, needs=("visit", "gap"))
    if gap is not None and rules.identity.visit:
        message = "events have a visit's id (identity.visit), so there is no gap"
        raise PlacedError(("visit", "gap"), message)
    if gap is not None and rules.visit_start is None:
        message = 'gap needs a field of scope visit, first of "event_time", without when'
        raise PlacedError(("visit", "gap"), message)
    if gap is None and rules.visit and rules.visit.midnight:
        message = "only visits by a gap end at midnight"
        raise PlacedError(("visit", "midnight"), message, needs=("visit", "gap"))


def _require_own_names(fields: Iterable[Rule]) -> None:
    names = [rule.name for rule in fields]
    shown = [name for rule in fields for name in rule.names]
    for index, rule in enumerate(fields):
        if names.index(rule.name) != index:
            raise PlacedError(("fields", index, "name"), f"{rule.name} is declared twice")
        twice = [name for name in rule.names if rule.values and shown.count(name) > 1]
        if twice:
            raise PlacedError(("fields", index, "values"), f"{twice[0]} is another field, too")
