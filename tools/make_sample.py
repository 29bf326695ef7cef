#!/usr/bin/env python3
"""Choose the sample traffic that ships with the package from a larger capture.

    python tools/make_sample.py capture-dev.ndjson profiler/data/sample.ndjson.gz

Whole visitors are chosen, so that the sample holds every record of each and their profiles equal
the capture's own. The choice depends on the capture alone.
"""

import argparse
import gzip
import hashlib
import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

#: Records, at least; the last visitor that is taken may exceed it.
TARGET_RECORDS = 2_000
#: Visitors that each special case is shown by, where the capture has as many.
VISITORS_PER_CASE = 8

Record = dict[str, Any]


def fields_of(record: Record) -> dict[str, str]:
    """Return the tracker's parameters of a record by name."""
    return {field["name"]: field["value"] for field in record["value"]["query"]}


def visitor_of(record: Record) -> str:
    """Name what must stay together: a visitor, else the visit, else the copies of one event."""
    fields = fields_of(record)
    visit = fields.get("other_domain_sessionid", fields["other_event_id"])
    return str(record["key"] or visit)


def special_cases(records: list[Record]) -> set[str]:
    """Name what is special about the records of one visitor, in order of arrival."""
    events = [fields_of(record) for record in records]
    # Without consent a visitor's events name no visit.
    in_visits = [event for event in events if "other_domain_sessionid" in event]
    visits = [event["other_domain_sessionid"] for event in in_visits]
    types: dict[str, list[str]] = defaultdict(list)
    for visit, event in zip(visits, in_visits, strict=True):
        types[visit].append(event["other_eventtype"])
    times = [int(event["other_dvce_created_tstamp"]) for event in events]
    changes = sum(old != new for old, new in pairwise(visits))
    cases = {
        "no key": records[0]["key"] is None,
        "repeats": len({event["other_event_id"] for event in events}) < len(events),
        "interleaved visits": changes >= len(types) > 0,
        "starts without a page view": any(kinds[0] != "Pageview" for kinds in types.values()),
        "no page view": any("Pageview" not in kinds for kinds in types.values()),
        "out of order": times != sorted(times),
    }
    return {case for case, found in cases.items() if found}


def choose(records: list[Record]) -> list[Record]:
    """Return all records of the chosen visitors, in the order of the capture."""
    visitors: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        visitors[visitor_of(record)].append(record)
    # The digest shuffles: visitors of one kind were captured together.
    ranked = sorted(visitors, key=lambda visitor: hashlib.sha256(visitor.encode()).digest())
    by_case: dict[str, list[str]] = defaultdict(list)
    for visitor in ranked:
        for case in special_cases(visitors[visitor]):
            by_case[case].append(visitor)
    chosen = {visitor for case in by_case.values() for visitor in case[:VISITORS_PER_CASE]}
    count = sum(len(visitors[visitor]) for visitor in chosen)
    for visitor in ranked:
        if count >= TARGET_RECORDS:
            break
        if visitor not in chosen:
            chosen.add(visitor)
            count += len(visitors[visitor])
    return [record for record in records if visitor_of(record) in chosen]


def main() -> None:
    """Read the capture, write the sample, print what it holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("capture", type=Path, help="NDJSON with key and value")
    parser.add_argument("sample", type=Path, help="the gzip file to write")
    arguments = parser.parse_args()
    with arguments.capture.open(encoding="utf-8") as lines:
        records = choose([json.loads(line) for line in lines])
    text = "".join(
        json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records
    )
    arguments.sample.write_bytes(gzip.compress(text.encode(), mtime=0))
    visitors = {record["key"] for record in records} - {None}
    print(f"{len(records)} records of {len(visitors)} visitors")


if __name__ == "__main__":
    main()
