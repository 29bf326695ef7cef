"""What the article's program makes of a capture, set against the oracle of `standard`.

`python -m tests.oracles.compare CAPTURE` prints the figures as a Markdown table. A capture
(`.ndjson`, or `.gz` of it) holds one record per line, in order of arrival:
`{"key": K, "value": {section: [{"name": N, "value": V}, ...]}}`. Ids and pages are strings or
absent.

The article's program runs as printed, on a dict instead of Redis. A crash is a real exception; it
is taken to be restarted behind the record, and what it wrote before the crash stays written.

- records: lines of the capture.
- crashes: records on which the program raises. By cause: a null key (`msg.key.decode()`), no
  visitor id, no visit id, none stored because an earlier record had none, a page view without a
  page. The first cause counts.
- visits the program sees: how often it stores a visit id that differs from the one stored before,
  a visitor's first one included.
- visits there were: distinct pairs of visitor and visit id.
- wrong entry page: records that the program gives an entry page (`visit_first_page`) other than the
  page of the first page view, by event time, of the record's own visit, as known up to that record
  (`standard`'s `visit_first_page`; "none yet" is a value like any other). A record on which the
  program crashes gets no entry page and is not among them. The share is of all records.
- of these, before any page view: the record's own visit has had no page view yet, so that the page
  shown must be another visit's.
- visitors without first page: visitors that have had a page view, while the program has stored no
  `visitor_first_page` for them at the end.
- repeats: records whose event id an earlier record of the capture had.
- repeats within a visit: those that `standard` flags `repeated`.
- corrected entry pages: records that `standard` flags `corrected`.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.oracles.article import EVENT_TYPE, PAGE, VISIT, VISITOR
from tests.oracles.events import EVENT_ID
from tests.oracles.standard import StandardFold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RECORD_TIME = "kafka_raw-timestamp"
VISIT_FIELD = "visit_id"

CRASHES = {
    "null key": "crashes: null key",
    VISITOR: "crashes: no visitor id",
    VISIT: "crashes: no visit id",
    VISIT_FIELD: "crashes: no visit id stored",
    PAGE: "crashes: page view without a page",
}
LABELS = (
    "records",
    "crashes",
    *CRASHES.values(),
    "visits there were",
    "visits the program sees",
    "wrong entry page",
    "of these, before any page view",
    "visitors",
    "visitors without first page",
    "repeats",
    "repeats within a visit",
    "corrected entry pages",
)


class PrintedProgram:
    """The article's loop body as printed, without its Kafka and Redis clients."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[str, str]] = {}
        self.visits_seen = 0

    def apply(self, key: str | None, msg_payload: dict[str, Any]) -> None:
        """Apply one record; raises KeyError, naming what is missing, where the program crashes."""
        if key is None:
            raise KeyError("null key")
        visitor = msg_payload[VISITOR]
        new_visitor = visitor not in self.hashes
        if new_visitor:
            self.hashes[visitor] = {"visitor_id": visitor}
        profile = self.hashes[visitor]
        new_visit = new_visitor or msg_payload[VISIT] != profile[VISIT_FIELD]
        if new_visit:
            profile[VISIT_FIELD] = msg_payload[VISIT]
            self.visits_seen += 1
        if msg_payload.get(EVENT_TYPE) == "Pageview":
            if new_visitor:
                profile["visitor_first_page"] = msg_payload[PAGE]
            if new_visit:
                profile["visit_first_page"] = msg_payload[PAGE]
            profile["visitor_last_page"] = msg_payload[PAGE]
            profile["visit_last_page"] = msg_payload[PAGE]


def article_against_standard(source: Path | Iterable[dict[str, Any]]) -> dict[str, int]:
    """Compute the figures of the module's docstring, by label."""
    program = PrintedProgram()
    fold = StandardFold()
    figures = Counter(dict.fromkeys(LABELS, 0))
    visits: set[tuple[str, str]] = set()
    event_ids: set[str] = set()

    for record in read_records(source) if isinstance(source, Path) else source:
        flat = flatten(record["value"])
        figures["records"] += 1
        if EVENT_ID in flat:
            figures["repeats"] += flat[EVENT_ID] in event_ids
            event_ids.add(flat[EVENT_ID])
        crash = crash_of(program, record["key"], flat)
        if crash:
            figures["crashes"] += 1
            figures[crash] += 1

        right = fold.apply(flat, record_ms=flat[RECORD_TIME])
        if right is None:
            continue
        figures["repeats within a visit"] += right["repeated"]
        figures["corrected entry pages"] += right["corrected"]
        if right["visit_id"] is None:
            continue
        visits.add((right["visitor_id"], right["visit_id"]))
        if crash:
            continue
        shown = program.hashes[right["visitor_id"]].get("visit_first_page")
        if shown != right["visit_first_page"]:
            figures["wrong entry page"] += 1
            figures["of these, before any page view"] += right["visit_first_page"] is None

    figures["visits there were"] = len(visits)
    figures["visits the program sees"] = program.visits_seen
    for visitor_id, profile in fold.final_profile().items():
        figures["visitors"] += 1
        stored = program.hashes.get(visitor_id, {})
        if "visitor_first_page" in profile and "visitor_first_page" not in stored:
            figures["visitors without first page"] += 1
    return dict(figures)


def crash_of(program: PrintedProgram, key: str | None, flat: dict[str, Any]) -> str | None:
    """Run the program on one record; return the label of its crash, None if it survives."""
    try:
        program.apply(key, flat)
    except KeyError as crash:
        return CRASHES[crash.args[0]]
    return None


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def flatten(value: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        f"{section}-{element['name']}": element["value"]
        for section, elements in value.items()
        for element in elements
    }


def markdown(figures: dict[str, int]) -> str:
    """Return the figures as a table, each with its share of all records."""
    rows = ["| figure | count | of all records |", "| --- | ---: | ---: |"]
    for label, count in figures.items():
        counts_records = not label.startswith("visit")
        share = f"{count / figures['records']:.1%}" if counts_records and figures["records"] else ""
        rows.append(f"| {label} | {count} | {share} |")
    return "\n".join(rows)


def main() -> int:
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m tests.oracles.compare CAPTURE\n")
        return 2
    sys.stdout.write(markdown(article_against_standard(Path(sys.argv[1]))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
