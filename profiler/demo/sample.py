"""The sample traffic that ships with the package."""

import gzip
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

import orjson


class SampleRecord(NamedTuple):
    """One record as a producer of ``tracking_processed`` would send it."""

    #: The visitor id, or None for the visitors without one.
    key: bytes | None
    #: Compact UTF-8 JSON ``{section: [{"name": n, "value": v}, ...], ...}``.
    value: bytes
    #: Arrival at the collector, in milliseconds since the epoch.
    timestamp: int


def read_sample() -> Iterator[SampleRecord]:
    """Read about 2,000 records in order of arrival, every record of each of their visitors.

    The traffic was made by the genuine Snowplow browser tracker (4.10.1, unmodified) in a genuine
    headless Chromium that scripts drove over an invented shop and magazine, served on the
    loopback address. No person's data is in it. Page addresses, ids, times, order, repeats and
    losses are what tracker and browser made of it, with these exceptions: the visits of a visitor
    follow each other within seconds (a session timeout of 3 s), host names end in ``.example``,
    and referrers were only sent as text. Among it are repeated events, visits that interleave,
    visits that begin without a page view, events out of order, and records without a key.
    ``tools/make_sample.py`` chose it from the whole capture.

    Yields:
        The records; decoding is lazy, a line at a time.
    """
    packed = resources.files("profiler").joinpath("data", "sample.ndjson.gz")
    with packed.open("rb") as raw, gzip.open(raw) as lines:
        for line in lines:
            record = orjson.loads(line)
            value = record["value"]
            arrival = {field["name"]: field["value"] for field in value["kafka_raw"]}
            key = record["key"]
            yield SampleRecord(
                key=None if key is None else key.encode(),
                value=orjson.dumps(value),
                timestamp=arrival["timestamp"],
            )
