"""What rules and settings say, in the form in which the compiled code takes it, once.

Numbers for fields are places in `Plan.names`.
"""

from dataclasses import dataclass
from typing import Any

from profiler.config.settings import Mode, Settings
from profiler.profiles.script import ProfileScript
from profiler.records.types import OUTPUT_PREFIX
from profiler.rules.contract import MAX_EVENTS, METADATA_FLAGS, contract_of
from profiler.rules.derived.names import PREFIX
from profiler.rules.derived.table import Derived
from profiler.rules.model import Rules


@dataclass(frozen=True)
class CallsPlan:
    """How events become calls; see `profiler.profiles.arguments` and `packing`.

    Attributes:
        sha: the script's name.
        key: what stands before and behind the id in a key.
        most_events: of a call.
        visitor: the fields that may hold the visitor's id, in their order.
        visit: the field that holds the visit's id; likewise the next four.
        event_id: see `Identity`.
        received: likewise.
        created: likewise.
        sent: likewise.
        nobody: texts that are no id.
        max_id_bytes: of a visitor's or a visit's id.
        takes_time: whether an event without a time gets the time of its reading.
        recognises_events: whether an event's id matters.
        inputs: the fields that rules read: whether as a number, and ``hash``, ``drop`` or nothing.
        derived_at: how many of them stand before the derived inputs.
        derived: how many derived inputs there are.
        url: the field with the page's address; likewise the next two.
        referrer: see `Derived`.
        user_agent: likewise.
        bot_at: the place of the class of bots among the derived inputs.
        hash_key: the secret of the keyed hash.
        hashes_ids: whether Redis gets hashes of visitors' ids.
    """

    sha: str
    key: tuple[str, str]
    most_events: int
    visitor: list[int]
    visit: int | None
    event_id: int | None
    received: int | None
    created: int | None
    sent: int | None
    nobody: list[str]
    max_id_bytes: int
    takes_time: bool
    recognises_events: bool
    inputs: list[tuple[int, bool, str]]
    derived_at: int
    derived: int
    url: int | None
    referrer: int | None
    user_agent: int | None
    bot_at: int | None
    hash_key: bytes | None
    hashes_ids: bool


@dataclass(frozen=True)
class AnswersPlan:
    """How answers become JSON; see `profiler.profiles.reply`.

    Attributes:
        fields: names in the output, and types.
        flags: the known ones.
        metadata: flags that leave, with their names in the output.
        version: the member that names the rules' version; None where the order is arrival.
        has_triggers: whether an answer tells of triggers.
    """

    fields: list[tuple[str, str]]
    flags: list[str]
    metadata: list[tuple[str, str]]
    version: str | None
    has_triggers: bool


@dataclass(frozen=True)
class Plan:
    """The whole of it.

    Attributes:
        is_flattened: whether the records are flat already.
        max_record_bytes: see `Limits`; likewise the next two.
        max_depth: likewise.
        max_fields: likewise.
        room_bytes: see `Settings.room_bytes`.
        most_added: so long a profile may be without a look at the output's size.
        passes_anonymous: whether an event without a visitor passes.
        flattened_topic: where flat records go, if anywhere.
        persisted_topic: where records with profiles go, if anywhere.
        names: of the fields that matter.
        calls: None in mode ``flatten``.
        answers: likewise.
    """

    is_flattened: bool
    max_record_bytes: int
    max_depth: int
    max_fields: int
    room_bytes: int
    most_added: int
    passes_anonymous: bool
    flattened_topic: str | None
    persisted_topic: str | None
    names: list[str]
    calls: CallsPlan | None
    answers: AnswersPlan | None


def plan_of(mode: Mode, settings: Settings, script: ProfileScript | None) -> Plan:
    """The plan of one engine."""
    limits, topics = settings.limits, settings.topics
    places: dict[str, int] = {}
    return Plan(
        is_flattened=mode == "profile",
        max_record_bytes=limits.max_record_bytes,
        max_depth=limits.max_depth,
        max_fields=limits.max_fields,
        room_bytes=settings.room_bytes,
        most_added=settings.most_added_bytes,
        passes_anonymous=settings.anonymous == "pass",
        flattened_topic=None if mode == "profile" else topics.flattened,
        persisted_topic=None if mode == "flatten" else topics.persisted,
        calls=None if script is None else _calls_of(script, places),
        answers=None if script is None else _answers_of(script.rules),
        names=list(places),
    )


def _calls_of(script: ProfileScript, places: dict[str, int]) -> CallsPlan:
    rules, packer = script.rules, script.packer
    identity, derived = rules.identity, rules.derived_inputs
    table = rules.derived or Derived()
    personal: dict[str, Any] = dict(rules.personal or {})
    before, behind = rules.store.key.split("<id>")
    keyed_hash = packer.stored.keyed_hash

    def place_of(name: str) -> int:
        return places.setdefault(name, len(places))

    def place_if_named(name: str | None) -> int | None:
        return place_of(name) if name else None

    return CallsPlan(
        sha=script.sha,
        key=(before, behind),
        most_events=MAX_EVENTS,
        visitor=[place_of(name) for name in identity.visitor],
        visit=place_if_named(identity.visit),
        event_id=place_if_named(identity.event_id),
        received=place_if_named(identity.received),
        created=place_if_named(identity.created),
        sent=place_if_named(identity.sent),
        nobody=list(identity.nobody),
        max_id_bytes=packer.max_id_bytes,
        takes_time=rules.takes_event_time,
        recognises_events=rules.order == "event_time",
        inputs=[
            (place_of(name), name in rules.numbers, personal.get(name, ""))
            for name in rules.inputs
            if name not in derived
        ],
        derived_at=rules.inputs.index(derived[0]) if derived else 0,
        derived=len(derived),
        url=place_if_named(table.url) if derived else None,
        referrer=place_if_named(table.referrer) if derived else None,
        user_agent=place_if_named(table.user_agent) if derived else None,
        bot_at=derived.index(_BOT) if _BOT in derived else None,
        hash_key=None if keyed_hash is None else keyed_hash.key,
        hashes_ids=packer.stored.is_hashed,
    )


_BOT = f"{PREFIX}bot"


def _answers_of(rules: Rules) -> AnswersPlan:
    contract = contract_of(rules)
    flags = list(contract.flags)
    return AnswersPlan(
        fields=[(f"{OUTPUT_PREFIX}{field.name}", field.type) for field in contract.fields],
        flags=flags,
        metadata=[
            (flag, f"{OUTPUT_PREFIX}{name}")
            for flag, name in METADATA_FLAGS.items()
            if flag in flags
        ],
        version=f'"{OUTPUT_PREFIX}rules_version":"{contract.rules_version}"'
        if rules.order == "event_time"
        else None,
        has_triggers=bool(contract.triggers_told),
    )
