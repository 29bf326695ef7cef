"""The article's program against `standard` on a capture, `standard` measured through its script.

`python -m tests.oracles.measure CAPTURE REDIS_URL` prints both as a Markdown table. The article's
column is `tests.oracles.compare`'s, whose docstring says what its figures count. The other column
is counted from what leaves the real pipeline, with the real script on that server (under keys of
its own, which are removed):

- crashes: records that become no record for `tracking_persisted`.
- visits counted: the sum of all visitors' `visitor_visits` at the end.
- wrong entry page: records whose `profile_visit_first_page` is not the page of the first page
  view, by event time, of the record's own visit, as known up to that record.
- of these, before any page view: the record's own visit has had none yet.
- visitors without first page: visitors that have had a page view, and no `visitor_first_page` in
  their stored profile at the end.
- repeats: records whose event id an earlier record of the capture had.
- repeats flagged: records that leave with `profile_repeated`.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from profiler.config.settings import Settings
from profiler.engine import EngineClass, PythonEngine, process
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import Record
from profiler.rules.model import load_rules
from tests.fates import fates_of
from tests.oracles.article import VISITOR
from tests.oracles.compare import (
    RECORD_TIME,
    article_against_standard,
    flatten,
    read_records,
)
from tests.oracles.door import admitted
from tests.oracles.events import EVENT_ID, read_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import redis

    from profiler.rules.model import Rules

#: A flattened record, and the object for `tracking_persisted`; None for a dead letter.
Passed = tuple[dict[str, Any], dict[str, Any] | None]

BATCH = 500
#: Of each row the label, and the label of the article's figure.
ROWS = {
    "records": "records",
    "crashes": "crashes",
    "visits there were": "visits there were",
    "visits counted": "visits the program sees",
    "wrong entry page": "wrong entry page",
    "of these, before any page view": "of these, before any page view",
    "visitors without first page": "visitors without first page",
    "repeats": "repeats",
    "repeats flagged": "",
}


def through_pipeline(
    records: Iterable[dict[str, Any]], script: ProfileScript, engine: EngineClass = PythonEngine
) -> Iterator[Passed]:
    """Run records of a capture through both stages, without watermarks."""
    settings = Settings()
    made = engine("run", settings, script)
    flats = []
    arrivals = []
    for offset, record in enumerate(records):
        flats.append(flatten(record["value"]))
        key = record["key"] if record["key"] is None else record["key"].encode()
        value, timestamp = orjson.dumps(record["value"]), flats[-1][RECORD_TIME]
        arrivals.append(
            Record(settings.topics.processed, 0, offset, timestamp, key, value, headers=())
        )
    for start in range(0, len(arrivals), BATCH):
        batch = arrivals[start : start + BATCH]
        fates = fates_of(batch, process(made, script, batch))
        for flat, fate in zip(flats[start:], fates, strict=False):
            output = fate.outputs[-1]
            is_persisted = output.topic == settings.topics.persisted and output.value is not None
            yield flat, orjson.loads(output.value or b"null") if is_persisted else None


def measured(traffic: Iterable[Passed], script: ProfileScript) -> dict[str, int]:
    """Compute the figures of `standard`, by label, from all that `through_pipeline` yields."""
    figures = dict.fromkeys(ROWS, 0)
    first_views: dict[tuple[str, str], tuple[tuple[int, int, bytes], str]] = {}
    viewers: set[str] = set()
    visitors: set[str] = set()
    visits: set[tuple[str, str]] = set()
    event_ids: set[str] = set()
    for flat, output in traffic:
        figures["records"] += 1
        figures["repeats"] += flat[EVENT_ID] in event_ids
        event_ids.add(flat[EVENT_ID])
        if output is None:
            figures["crashes"] += 1
            continue
        if not flat.get(VISITOR):
            continue
        event, visitor = read_event(*admitted(flat, flat[RECORD_TIME])), flat[VISITOR]
        page = event.gives.get("visit_first_page")
        visitors.add(visitor)
        figures["repeats flagged"] += output["profile_repeated"]
        if page is not None:
            viewers.add(visitor)
        if event.visit is None:
            continue
        visit = (visitor, event.visit)
        visits.add(visit)
        if page is not None:
            view = (event.place(page), page)
            first_views[visit] = min(first_views.get(visit, view), view)
        right = first_views[visit][1] if visit in first_views else None
        if output["profile_visit_first_page"] != right:
            figures["wrong entry page"] += 1
            figures["of these, before any page view"] += right is None
    figures["visits there were"] = len(visits)
    for visitor in visitors:
        stored = script.read(visitor) or {}
        figures["visits counted"] += stored["visitor_visits"]
        if visitor in viewers and "visitor_first_page" not in stored:
            figures["visitors without first page"] += 1
    return figures


def script_under(client: redis.Redis, prefix: str, rules: Rules) -> ProfileScript:
    """Register the script of these rules, whose visitors' keys begin with a prefix."""
    store = rules.store.model_copy(update={"key": prefix + rules.store.key})
    script = ProfileScript(client, rules.model_copy(update={"store": store}))
    script.register()
    return script


def main() -> int:
    if len(sys.argv) != 3:
        sys.stderr.write("usage: python -m tests.oracles.measure CAPTURE REDIS_URL\n")
        return 2
    path, url = Path(sys.argv[1]), sys.argv[2]
    client, prefix = connect(url), f"measure-{uuid.uuid4().hex[:12]}:"
    try:
        script = script_under(client, prefix, load_rules("lean"))
        standard = measured(through_pipeline(read_records(path), script), script)
    finally:
        for key in client.scan_iter(match=f"{prefix}*", count=1000):
            client.unlink(key)
        client.close()
    article = article_against_standard(path)
    lines = ["| figure | article | standard |", "| --- | ---: | ---: |"]
    lines += [
        f"| {label} | {article.get(articles, '-')} | {standard[label]} |"
        for label, articles in ROWS.items()
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
