"""Visitors in a store, put there by the script itself."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from bench.calls import STREAM, pack_calls
from bench.errors import BenchError
from bench.store import Store
from bench.traffic import Template
from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits
from profiler.records.types import FlatEvent
from profiler.rules.derived.table import Derived
from profiler.rules.model import Rules

_VISITORS_AT_ONCE = 50
#: As many digits as in a busy partition.
_FIRST_OFFSET = 1_000_000_000
_START_MS = 1_700_000_000_000
_EVENT_MS, _VISIT_MS = 5_000, 3_600_000

#: A record's values for the rules' inputs.
Inputs = Sequence[Mapping[str, Any]]


class Crowd(NamedTuple):
    """So many visitors, all alike.

    Attributes:
        visitors: their number.
        visits: of each visitor.
        events: of each visit.
    """

    visitors: int
    visits: int
    events: int

    def keys(self, rules: Rules) -> list[str]:
        """The keys of all visitors."""
        return [key_of(rules.store.key, visitor_id(n)) for n in range(self.visitors)]

    def history(self, rules: Rules, inputs: Inputs) -> Iterator[FlatEvent]:
        """Every event, visitor by visitor, in order of time."""
        for number in range(self.visitors):
            for visit in range(self.visits):
                for step in range(self.events):
                    yield self._event(rules, inputs, number, visit, step)

    def next_event(self, rules: Rules, inputs: Inputs, number: int, step: int = 0) -> FlatEvent:
        """One more event of a visitor's latest visit; `step` counts on from there."""
        return self._event(rules, inputs, number, self.visits - 1, self.events + step)

    def _event(self, rules: Rules, inputs: Inputs, number: int, visit: int, step: int) -> FlatEvent:
        identity, visitor = rules.identity, visitor_id(number)
        at = _START_MS + visit * _VISIT_MS + step * _EVENT_MS
        place = visit * self.events + step
        fields = {
            **inputs[(number + place) % len(inputs)],
            identity.visitor[0]: visitor,
            identity.visit: f"{visit:08x}{visitor[8:]}",
        }
        if identity.created:
            fields[identity.created] = str(at)
        if identity.event_id:
            fields[identity.event_id] = f"{place:08x}-{number:08x}{visitor[17:]}"
        # Offsets of one visitor only have to grow.
        return FlatEvent(STREAM, _FIRST_OFFSET + place, at, fields)


def visitor_id(number: int) -> str:
    """As long as the capture's, which are UUIDs."""
    return f"{number:08x}-0000-4000-8000-{0:012x}"


def captured_inputs(rules: Rules, templates: Sequence[Template]) -> Inputs:
    """What the rules read of the captured traffic."""
    flat = [decode_processed(template.value, Limits()) for template in templates]
    derived = rules.derived or Derived()
    read = {*rules.inputs, *(f for name in rules.derived_inputs for f in derived.fields_of(name))}
    return [{name: event[name] for name in read if name in event} for event in flat]


def populate(store: Store, rules: Rules, crowd: Crowd, inputs: Inputs) -> None:
    """Write the crowd's profiles into an empty store; one call has all events of a visitor.

    The server is told not to reply: only the script's work costs time.

    Raises:
        BenchError: there are not as many keys as visitors afterwards.
    """
    client: Any = connect(store.url, timeout_s=60)
    connection = client.connection_pool.get_connection()
    try:
        script = ProfileScript(client, rules)
        script.register()
        connection.send_command("CLIENT", "REPLY", "OFF")
        events = crowd.history(rules, inputs)
        at_once = _VISITORS_AT_ONCE * crowd.visits * crowd.events
        while some := list(islice(events, at_once)):
            for calls in pack_calls(script, connection, some):
                connection.send_packed_command(calls.packed)
        # Answered when everything before it is done.
        connection.send_command("CLIENT", "REPLY", "ON")
        connection.read_response()
    finally:
        connection.disconnect()
        client.close()
    if (keys := store.key_count()) != crowd.visitors:
        raise BenchError(f"{crowd.visitors} visitors were written, but there are {keys} keys")
