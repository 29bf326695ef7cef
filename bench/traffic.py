"""The records of a round: captured traffic, many copies of it at once, fresh ids in each copy."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from profiler.demo.sample import SampleRecord, read_sample

#: Stretches of traffic at the same time: a call of the script then folds about three events.
COPIES = 40
#: By about how many events a call folds: many visitors at once, as on a busy site; the traffic of
#: the throughput rows; the sample's own order.
TRAFFICS = {"one": 500, "three": COPIES, "twenty": 1}

_TOKEN_CHARS = 8
#: JSON in JSON: the tracker's contexts and self-describing events. No row uses them.
_NESTED = ("other_contexts", "other_unstruct_event")


class BenchRecord(NamedTuple):
    """One record of ``tracking_processed``."""

    visitor: str
    value: bytes
    timestamp: int

    @property
    def key(self) -> bytes:
        """As in the capture, the visitor is the key."""
        return self.visitor.encode()


class Template(NamedTuple):
    """A captured record and the ids that a copy replaces."""

    visitor: str
    ids: tuple[bytes, ...]
    value: bytes
    timestamp: int


def read_templates(capture: Path | None = None, *, whole: bool = False) -> list[Template]:
    """Read the traffic, without the records that would crash the article's programs.

    Those are: no key, no visitor id, no visit id, a page view without a page.

    Args:
        capture: NDJSON of ``{"key": ..., "value": {...}}``; else the shipped sample.
        whole: keep fields that hold nested JSON. Without them a record of the sample has 1.4 kB
            instead of 1.9.
    """
    records = read_sample() if capture is None else _read_capture(capture)
    templates = (_template(record, whole=whole) for record in records)
    return [template for template in templates if template]


def make_records(
    templates: list[Template], count: int, copy_size: int, *, chance: random.Random | None = None
) -> list[BenchRecord]:
    """Return the records of one round; no id in them was used before.

    A capture has few visitors at a time, so a batch of it would hold few visitors with many
    events each. Here ``count / copy_size`` stretches of it run at the same time, one record of
    each in turn, every one with ids of its own. A stretch that comes to the capture's end goes on
    at its beginning, again with ids of its own.

    Args:
        templates: see `read_templates`.
        count: how many.
        copy_size: length of a stretch; of `count` or more, it is the capture's own order.
        chance: draws the ids; with a seed the records are always the same.
    """
    copies = -(-count // copy_size)
    draw = (chance or random.SystemRandom()).getrandbits
    tokens: dict[tuple[int, int], str] = defaultdict(
        lambda: f"{draw(4 * _TOKEN_CHARS):0{_TOKEN_CHARS}x}"
    )
    records = []
    for number in range(count):
        step, copy = divmod(number, copies)
        passes, place = divmod(copy * copy_size + step, len(templates))
        records.append(_copy(templates[place], tokens[copy, passes]))
    return records


def make_traffic(
    templates: list[Template], name: str, count: int, *, chance: random.Random | None = None
) -> list[BenchRecord]:
    """Return so many records of one of the `TRAFFICS`; see `make_records`."""
    return make_records(templates, count, -(-count // TRAFFICS[name]), chance=chance)


def _copy(template: Template, token: str) -> BenchRecord:
    value = template.value
    for old in template.ids:
        # Also where an id stands inside other fields, as the session entity has it.
        value = value.replace(old, token.encode() + old[_TOKEN_CHARS:])
    return BenchRecord(token + template.visitor[_TOKEN_CHARS:], value, template.timestamp)


def _template(record: SampleRecord, *, whole: bool) -> Template | None:
    if record.key is None:
        return None
    value = orjson.loads(record.value)
    if not whole:
        value["query"] = [field for field in value["query"] if field["name"] not in _NESTED]
    fields = {field["name"]: field["value"] for field in value["query"]}
    visitor, visit = fields.get("other_domain_userid"), fields.get("other_domain_sessionid")
    is_page_view = fields.get("other_eventtype") == "Pageview"
    if not visitor or not visit or (is_page_view and not fields.get("other_page_title")):
        return None
    ids = (visitor, visit, fields["other_event_id"])
    return Template(visitor, tuple(i.encode() for i in ids), orjson.dumps(value), record.timestamp)


def _read_capture(path: Path) -> Iterator[SampleRecord]:
    with path.open("rb") as lines:
        for line in lines:
            record: dict[str, Any] = json.loads(line)
            arrival = {field["name"]: field["value"] for field in record["value"]["kafka_raw"]}
            key = record["key"]
            yield SampleRecord(
                key=None if key is None else key.encode(),
                value=orjson.dumps(record["value"]),
                timestamp=arrival["timestamp"],
            )
