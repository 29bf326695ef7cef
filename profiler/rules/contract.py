"""The script's contract as data: what its header, its callers and `profiler lua contract` share.

Over 250 lines: a third of them is what the contract says in words.
"""

from typing import Any, NamedTuple

from profiler.rules.computed import BOUNCE
from profiler.rules.derived.names import derived_input, is_derived
from profiler.rules.derived.table import Derived
from profiler.rules.model import Rules
from profiler.rules.operations import FieldType
from profiler.rules.rule import BUILT_IN_FIELDS
from profiler.rules.trigger import TriggerFields

#: Version of KEYS, ARGV and the form of the reply. A newer script of the same one may add names of
#: fields and flags; it never moves an argument.
CONTRACT = 2

#: Layout of the packed state in the field ``~``; a script refuses a newer one (``ELAYOUT``).
LAYOUT = 2

#: What a script of this version can take over from others.
READS_LAYOUTS = [1, 2]

#: A call folds at most this many events, so that it cannot keep the server busy for long.
MAX_EVENTS = 500

#: A sidecar keeps at most so many elements, one a call; what is committed is trimmed by the caller.
MOST_OUTPUTS = 128

#: So long after the latest call a sidecar is gone: it holds what is not committed, so a crashed
#: caller has this time to come back.
OUTPUTS_MS = 3_600_000

#: The internal field of the hash; fields that begin with it are reserved and never leave.
STATE_FIELD = "~"


class Argument(NamedTuple):
    """One KEY or ARGV: name, type and what it holds ('' stands for absent)."""

    name: str
    type: str
    meaning: str


class PublicField(NamedTuple):
    """One field of the public profile."""

    name: str
    scope: str
    type: FieldType


class ErrorCode(NamedTuple):
    """The first word of an error reply, and what it means."""

    code: str
    meaning: str


class Contract(NamedTuple):
    """All that a caller must know; see `docs/contract.md` for the words around it."""

    rules_version: str
    order: str
    key: str
    ttl_ms: int
    keys: list[Argument]
    call_args: list[Argument]
    event_args: list[Argument]
    flags: dict[str, str]
    fields: list[PublicField]
    triggers_told: list[TriggerFields]
    errors: list[ErrorCode]


KEYS = [
    Argument("visitor_key", "hash", "the visitor's profile; read, write"),
    Argument("outputs", "hash", "may be missing: the state before each call not committed yet"),
]

CALL_ARGS = [
    Argument("visitor_id", "text", "the visitor, as it is; never empty"),
    Argument("stream", "text", "where offsets count; empty switches the watermark off"),
    Argument("floor", "digits", "the oldest offset not committed, or empty: not known"),
    Argument("events", "digits", "how many events follow"),
]

READ_ARGS = [
    Argument("visitor_id", "text", "the visitor, as it is; never empty"),
    Argument("now", "digits", "ms since the epoch, or empty: as of the latest event"),
]

EVENT_ARGS = [
    Argument("offset", "digits", "place in the stream; ignored where the stream is empty"),
    Argument("received", "digits", "when it was received, ms since the epoch, or empty"),
    Argument("created", "text", "when its device made it, ms by the device's clock, or empty"),
    Argument("sent", "text", "when its device sent it, ms by the device's clock, or empty"),
    Argument("event_id", "text", "recognises it when it is sent again; 6 bytes are not hashed"),
    Argument("visit_id", "text", "the visit, or empty: no visit field changes"),
]

#: The fields that say whose an answer is.
ID_FIELDS = ("visitor_id", "visit_id")

#: What an answer tells of each trigger that the event fired or undid, one behind the other.
TRIGGER_ARGS = [
    Argument("trigger", "text", "the trigger's name"),
    Argument("id", "text", "40 hexadecimal digits, the same when it fires and is retracted"),
    Argument("state", "text", "fired, or retracted"),
    Argument("time", "digits", "the event's, ms since the epoch, or empty: not known"),
]

ERRORS = [
    ErrorCode("EBADARG", "wrong keys or arguments; the rest says which"),
    ErrorCode("EPROFILE", "this key's stored state is unusable; other visitors are not affected"),
    ErrorCode("ELAYOUT", "a newer script wrote this state; update the caller"),
]

FLAGS = {
    "new_visitor": "this event made the profile",
    "new_visit": "this event opened its visit",
    "late": "older than all kept visits: it opened none, counted nothing, and moved no last value",
    "repeated": "an event id seen before in its visit: it counted nothing",
    "replayed": "at or below the watermark, no answer stored: not applied, the current profile",
    "corrected": "an entry page that was known before moved to an earlier event's",
    "truncated": "a limit was met: a value was cut, a visit or event id forgotten, or a sum full",
    "time_corrected": "the event's time is not the one that its device wrote",
    "no_time": "nothing says when it happened: it counted, and moved no first or last",
    "bad_number": "a number of the event was none, or too long: it was ignored",
    "no_visit": "no visit id: only visitor fields changed",
    "forgotten": "from before the visitor was forgotten: it counted nothing, and has no profile",
}

#: What is said otherwise, or besides, where visits are found by time.
GAP_FLAGS = {
    "no_visit": "no time, so no visit: only visitor fields changed",
    "visit_merged": "this event joined visits that were apart; the earliest start's id stays",
}

#: The flags that leave, with `rules_version`, where order is event time: each as `profile_<name>`.
METADATA_FLAGS = {
    "new_visitor": "new_visitor",
    "new_visit": "new_visit",
    "late": "late",
    "repeated": "repeated",
    "replayed": "replayed",
    "corrected": "corrected",
    "truncated": "truncated",
    "time_corrected": "time_corrected",
    "bad_number": "bad_number",
    "visit_merged": "visit_merged",
}


def contract_of(rules: Rules) -> Contract:
    """The contract of the script that these rules render to."""
    inputs = [Argument(name, "text", _meaning_of(name)) for name in rules.inputs]
    flags = dict(FLAGS)
    if rules.order == "arrival":
        for unknown_to_arrival in ("late", "repeated", "corrected"):
            del flags[unknown_to_arrival]
        if not rules.takes_event_time:
            del flags["time_corrected"], flags["no_time"]
    if not rules.takes_numbers:
        del flags["bad_number"]
    event_args = EVENT_ARGS
    if rules.gap_ms:
        flags |= GAP_FLAGS
        visit_id = EVENT_ARGS[-1]._replace(meaning="empty: visits are found by time")
        event_args = [*EVENT_ARGS[:-1], visit_id]
    return Contract(
        rules_version=rules.version,
        order=rules.order,
        key=rules.store.key,
        ttl_ms=rules.store.ttl_days * 86_400_000,
        keys=KEYS,
        call_args=CALL_ARGS,
        event_args=event_args + inputs,
        flags=flags,
        fields=_public_fields(rules),
        triggers_told=[
            TriggerFields(each.name, each.scope, each.fields) for each in rules.triggers or ()
        ],
        errors=ERRORS,
    )


def _meaning_of(name: str) -> str:
    """What an input of the rules is."""
    if not is_derived(name):
        return "input of the rules"
    return f"input of the rules: {derived_input(name).meaning}"


def _derived_json(rules: Rules) -> list[dict[str, Any]]:
    """The derived inputs, and the fields of the event that each one reads."""
    table = rules.derived or Derived()
    return [
        {"name": name, "reads": table.fields_of(name), "meaning": derived_input(name).meaning}
        for name in rules.derived_inputs
    ]


def _triggers_json(contract: Contract) -> dict[str, Any]:
    """What stands behind the fields of an answer; nothing where the rules have no triggers."""
    declared = [trigger._asdict() for trigger in contract.triggers_told]
    each = [argument._asdict() for argument in TRIGGER_ARGS]
    return {"triggers": {"each": each, "declared": declared}} if declared else {}


def _public_fields(rules: Rules) -> list[PublicField]:
    declared = [
        PublicField(name, rule.scope, rule.type) for rule in rules.fields for name in rule.names
    ]
    visitor = [field for field in declared if field.scope == "visitor"]
    visit = [field for field in declared if field.scope == "visit"]
    computed = [PublicField(each.name, each.scope, each.type) for each in rules.computed or ()]
    has_bounce = rules.visit is not None and rules.visit.bounce is not None
    bounce = [_built_in(BOUNCE)] if has_bounce else []
    if rules.order == "arrival":
        # As the article's program returns them: text, whatever they hold.
        built_in = [PublicField(f"{scope}_id", scope, "string") for scope in ("visitor", "visit")]
        return [field._replace(type="string") for field in (*built_in, *visitor, *visit)]
    return [
        _built_in("visitor_id"),
        *visitor,
        _built_in("visitor_visits"),
        *(field for field in computed if field.scope == "visitor"),
        _built_in("visit_id"),
        _built_in("visit_number"),
        *visit,
        *bounce,
        *(field for field in computed if field.scope == "visit"),
    ]


def _built_in(name: str) -> PublicField:
    return PublicField(name, name.partition("_")[0], BUILT_IN_FIELDS[name])


def contract_json(rules: Rules, sha: str, function: str) -> dict[str, Any]:
    """The contract as plain JSON data, for callers in any language.

    `sha` names the script, `function` the same body as a function.
    """
    contract = contract_of(rules)
    written_identity = rules.identity.model_dump(exclude_none=True)
    return {
        "contract": CONTRACT,
        "sha": sha,
        "function": function,
        "rules_version": contract.rules_version,
        "order": contract.order,
        "layout": LAYOUT,
        "reads_layouts": READS_LAYOUTS,
        "compatibility": _compatibility(rules),
        "key": contract.key,
        "ttl_ms": contract.ttl_ms,
        "max_events": MAX_EVENTS,
        "keys": [argument._asdict() for argument in contract.keys],
        "argv": {
            "call": [argument._asdict() for argument in contract.call_args],
            "event": [argument._asdict() for argument in contract.event_args],
            "read": [argument._asdict() for argument in READ_ARGS],
        },
        "identity": written_identity | {"nobody": list(rules.identity.nobody)},
        "derived": _derived_json(rules),
        **({"personal": rules.personal} if rules.personal else {}),
        "reply": {
            "event": [
                "flags",
                *(field.name for field in contract.fields),
                *["triggers"] * bool(contract.triggers_told),
            ],
            "flags": contract.flags,
            "fields": [field._asdict() for field in contract.fields],
            **_triggers_json(contract),
        },
        "errors": {error.code: error.meaning for error in contract.errors},
        "limits": rules.limits.model_dump(),
    }


def _compatibility(rules: Rules) -> dict[str, Any]:
    """What must be the same in all scripts that update the same visitors."""
    shared: dict[str, Any] = {
        "order": rules.order,
        "key": rules.store.key,
        "identity": rules.identity.model_dump(exclude_none=True),
        "profile_bytes": rules.limits.profile_bytes,
    }
    if rules.visit and rules.visit.gap:
        shared["gap"] = rules.visit.model_dump(include={"gap", "midnight"}, exclude_none=True)
    if rules.store.forget_dropped:
        shared["forget_dropped"] = True
    if rules.order == "arrival":
        # Values stand by name. A visit's values start anew under the rules that know them.
        shared["fields"] = {rule.name: rules.code_of(rule).hex() for rule in rules.fields}
    return shared
