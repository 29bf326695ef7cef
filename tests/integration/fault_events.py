"""What goes through a deployment while something fails, and the balance afterwards."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from profiler.records.types import Record
from tests.integration.pipeline_runs import Deployment, Input, Place, place_of

#: So few that also a small batch has several events of each, one of which a repeat would count.
VISITORS = [f"visitor-{number}" for number in range(6)]
#: Store options with which a write that was acknowledged survives a crash.
DURABLE = ["--appendonly", "yes", "--appendfsync", "always"]
#: Settings with which a program notices a fault soon.
HASTY = {"BATCH__MAX_RECORDS": "50", "REDIS__SOCKET_TIMEOUT_S": "0.5"}

UNWELL_REDIS = "redis is unwell, trying again"
UNWELL_KAFKA = "kafka is unwell, trying again"
LOST = "redis may lack what it acknowledged: events are applied once more, without outputs"

_FIRST_MS = 1_700_000_000_000


def page_views(first: int, count: int) -> list[Input]:
    """So many events, each with its own id, of all visitors in turn."""
    return [page_view(number) for number in range(first, first + count)]


def page_view(number: int) -> Input:
    """One event of the visitor whose turn it is; its time and page say its number."""
    visitor = VISITORS[number % len(VISITORS)]
    fields = {
        "domain_userid": visitor,
        "domain_sessionid": f"visit of {visitor}",
        "event_id": f"event {number}",
        "eventtype": "Pageview",
        "page_title": f"page {number}",
    }
    elements = [{"name": f"other_{name}", "value": value} for name, value in fields.items()]
    value = json.dumps({"query": elements}).encode()
    return Input(value, visitor.encode(), _FIRST_MS + number)


def bad_records(count: int) -> list[Input]:
    """Records that are dead letters."""
    return [Input(b"not JSON %d" % number, b"bad") for number in range(count)]


class Balance(NamedTuple):
    """Inputs against outputs, by source offset, and what is stored against a count of the inputs.

    Attributes:
        inputs: records that were put in.
        lost: inputs that miss an output: flattened and persisted, or rejected.
        twofold: inputs that were persisted and rejected.
        miscounted: visitors whose stored events, page views, visits or pages are not those put in.
        flattened: how many outputs too many there are in this topic.
        persisted: the same.
        rejected: the same.
    """

    inputs: int
    lost: int
    twofold: int
    miscounted: int
    flattened: int
    persisted: int
    rejected: int


def balance(deployment: Deployment) -> Balance:
    """Compare all that went in with all that came out and with what is stored."""
    inputs = deployment.read("processed")
    places = {Place(record.topic, record.partition, record.offset) for record in inputs}
    outputs = {name: deployment.read(name) for name in ("flattened", "persisted", "rejected")}
    found = {name: Counter(map(place_of, records)) for name, records in outputs.items()}
    assert all(counter.keys() <= places for counter in found.values()), "an output of no input"
    flattened, persisted, rejected = (found[name].keys() for name in outputs)
    complete = (flattened & persisted) | rejected
    return Balance(
        inputs=len(inputs),
        lost=len(places - complete),
        twofold=len(persisted & rejected),
        miscounted=_miscounted(deployment, inputs),
        **{name: counter.total() - len(counter) for name, counter in found.items()},
    )


def _miscounted(deployment: Deployment, inputs: Sequence[Record]) -> int:
    numbers = [
        record.timestamp - _FIRST_MS for record in inputs if (record.value or b"").startswith(b"{")
    ]
    wrong = 0
    for turn, visitor in enumerate(VISITORS):
        own = [number for number in numbers if number % len(VISITORS) == turn]
        events = str(len(own))
        expected = {
            "visitor_events": events,
            "visitor_pageviews": events,
            "visitor_visits": "1",
            "visit_events": events,
            "visitor_first_page": f"page {min(own)}",
            "visitor_last_page": f"page {max(own)}",
        }
        wrong += not expected.items() <= deployment.stored(visitor).items()
    return wrong


def without_event_ids(deployment: Deployment) -> Deployment:
    """Let the script remember one event id per visit instead of 64.

    Else it would recognise most redelivered events by their ids, and no test would need the
    watermark.
    """
    text = deployment.rules.read_text()
    assert "event_ids = 64" in text
    deployment.rules.write_text(text.replace("event_ids = 64", "event_ids = 1"))
    return deployment
