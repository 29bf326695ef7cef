"""One record after the other: what it is, whose, of when, and what each rule makes of it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from profiler.config.settings import Mode, Settings
from profiler.engine.python.decode import Draft, RecordDecoder
from profiler.ops.explain.identity import IdentityWords, TimeWords, identity_words, time_words
from profiler.ops.explain.probe import Probe, Told
from profiler.ops.explain.scratch import Scratch
from profiler.profiles.reply import Applied
from profiler.records.types import OUTPUT_PREFIX, FlatEvent, Record, Rejected
from profiler.rules.contract import CALL_ARGS, ID_FIELDS, contract_of
from profiler.rules.derived.inputs import derived_inputs_of
from profiler.rules.explain import explained_triggers
from profiler.rules.model import Rules

_, _VISIT_ID = ID_FIELDS


class PredicateWords(NamedTuple):
    """A predicate.

    Attributes:
        name: of the rules file.
        holds: for this event.
        conditions: all must hold.
    """

    name: str
    holds: bool
    conditions: list[Told]


class FieldChange(NamedTuple):
    """A field of the profile.

    Attributes:
        name: in the profile.
        rule: what its rule says; empty for what is built in.
        takes: whether its predicate holds, None where it has none.
        before: of the event's visit, None where not known.
        after: likewise.
    """

    name: str
    rule: str
    takes: bool | None
    before: Any
    after: Any


class TriggerChange(NamedTuple):
    """A trigger of the rules.

    Attributes:
        name: of the rules file.
        scope: visitor or visit.
        when: its conditions, over the profile after the event.
        state: ``fired`` or ``retracted`` by this event; empty where it is left as it was.
    """

    name: str
    scope: str
    when: list[str]
    state: str


class Explained(NamedTuple):
    """What came of a record.

    Attributes:
        record: its number, from 1.
        rejected: code and reason, where it is a dead letter; nothing below that is known then.
        flat: the flattened event; empty where the record has no value.
        derived: inputs that are derived from it.
        identity: whose it is.
        time: when it happened.
        key: the visitor's, where there is one.
        flags: of the script's answer.
        predicates: of the rules.
        fields: of the profile.
        triggers: of the rules.
    """

    record: int
    rejected: Rejected | None
    flat: dict[str, Any]
    derived: dict[str, str]
    identity: list[IdentityWords]
    time: TimeWords | None
    key: str
    flags: list[str]
    predicates: list[PredicateWords]
    fields: list[FieldChange]
    triggers: list[TriggerChange]


class Explainer:
    """Explains records in their order; the profiles on the scratch server change with each.

    Args:
        mode: what the values are: ``run`` takes processed records, ``profile`` flattened ones.
        settings: limits.
        rules: of the profiles.
        scratch: a server of our own.
    """

    def __init__(self, mode: Mode, settings: Settings, rules: Rules, scratch: Scratch) -> None:
        self._decoder = RecordDecoder(mode, settings)
        self._rules = rules
        self._scratch = scratch
        self._probe = Probe(rules, scratch)
        contract = contract_of(rules)
        self._arguments = [argument.name for argument in contract.event_args]
        self._fields = contract.fields
        self._by_name = {name: rule for rule in rules.fields for name in rule.names}
        self._derived = derived_inputs_of(rules)

    def explain(self, record: Record) -> Explained:
        """Explain one record.

        Raises:
            StoreUnavailableError: a server cannot be reached.
            ProfilerError: the visitor's stored profile cannot be read.
        """
        draft = self._decoder.decode(record)
        if not isinstance(draft, Draft):
            return _end(record, draft.rejected, {})
        event = FlatEvent("", 0, record.timestamp, draft.flat, draft.encoded)
        identity = identity_words(self._rules.identity, event.fields)
        derived: dict[str, str] = {}
        if self._derived is not None:
            named = zip(self._rules.derived_inputs, self._derived.of(event.fields), strict=True)
            derived = dict(named)
        explained = _end(record, None, event.fields)._replace(identity=identity, derived=derived)
        script = self._scratch.script
        calls = self._scratch.calls_of(script, [event])
        if not calls.made:
            [outcome] = calls.outcomes
            return explained._replace(rejected=outcome if isinstance(outcome, Rejected) else None)
        [call] = calls.made
        arguments = dict(zip(self._arguments, call.arguments[len(CALL_ARGS) :], strict=True))
        profiles = self._scratch.stored(call)
        script.execute(calls)
        [outcome] = calls.outcomes
        if not isinstance(outcome, Applied):
            return explained._replace(rejected=outcome, key=call.key)
        holding, ms = self._probe.ask(event)
        told = list(self._probe.told(holding, outcome.flags))
        holds = {name: held for name, held, _ in told}
        return explained._replace(
            key=call.key,
            time=time_words(arguments, ms, self._rules),
            flags=sorted(outcome.flags),
            predicates=[PredicateWords(*each) for each in told],
            fields=list(self._changes(profiles, outcome.profile, holds)),
            triggers=self._triggers({each.name: each.state for each in outcome.triggers}),
        )

    def _triggers(self, turned: dict[str, str]) -> list[TriggerChange]:
        return [
            TriggerChange(each.name, each.scope, each.when, turned.get(each.name, ""))
            for each in explained_triggers(self._rules)
        ]

    def _changes(
        self, profiles: list[dict[str, Any]], after: dict[str, Any], holds: dict[str, bool]
    ) -> Iterator[FieldChange]:
        before = self._before(profiles, after)
        for field in self._fields:
            rule = self._by_name.get(field.name)
            words = rule.operation + (f" when {rule.when}" if rule.when else "") if rule else ""
            yield FieldChange(
                field.name,
                words,
                holds.get(rule.when) if rule and rule.when else None,
                before.get(field.name),
                after.get(f"{OUTPUT_PREFIX}{field.name}"),
            )

    def _before(self, profiles: list[dict[str, Any]], after: dict[str, Any]) -> dict[str, Any]:
        """The profile with the visit that the event turned out to be of, before the event."""
        visit_id = after.get(f"{OUTPUT_PREFIX}{_VISIT_ID}")
        for profile in profiles:
            if self._rules.order != "event_time" or profile.get(_VISIT_ID) == visit_id:
                return profile
        known = profiles[0] if profiles else {}
        of_visitor = (field.name for field in self._fields if field.scope == "visitor")
        return {name: known.get(name) for name in of_visitor}


def _end(record: Record, rejected: Rejected | None, flat: dict[str, Any]) -> Explained:
    return Explained(record.offset, rejected, flat, {}, [], None, "", [], [], [], [])
