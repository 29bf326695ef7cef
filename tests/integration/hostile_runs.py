"""The hostile corpus between good records: as input of a deployment, and what must come out."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from profiler.config.settings import KafkaSettings
from profiler.kafka import open_producer
from profiler.records.types import Headers, OutputRecord, Record
from tests.integration.hostile import (
    ANONYMOUS,
    CORPUS,
    LIMITS,
    PERSISTED,
    RECORD_BYTES,
    TIME,
    TOMBSTONE,
    Case,
    good,
)
from tests.integration.pipeline_runs import ANY_TIMESTAMP, Deployment, place_of
from tests.oracles.compare import flatten
from tests.oracles.standard import StandardFold

Json = dict[str, Any]

SOURCE_NAMES = ("source-topic", "source-partition", "source-offset")
ERROR_NAMES = ("error-stage", "error-code", "error-reason", "profiler-version")

#: As in the environment. The corpus is all bad records that there are: no limit of dead letters.
SETTINGS = {f"LIMITS__{name}".upper(): str(limit) for name, limit in LIMITS.items()} | {
    "KAFKA__MAX_REQUEST_BYTES": str(RECORD_BYTES),
    "DEAD_LETTERS__MAX_CONSECUTIVE": "0",
    "DEAD_LETTERS__MAX_RATIO": "1",
}


def between_good_ones() -> list[Case]:
    """The corpus, a good record before and after each."""
    cases = []
    for number, case in enumerate([*CORPUS, None]):
        value = json.dumps(good(number)).encode()
        cases.append(Case(f"good {number}", value, PERSISTED, "good", b"good"))
        cases.extend([case] if case else [])
    return cases


def produce(deployment: Deployment, cases: list[Case]) -> None:
    """Put the cases in, in order; their offsets are their places (one partition, one producer).

    By the profiler's own sink, because the client's `send` refuses null headers and null keys of
    null values; that Kafka has what was meant is for the caller to look up.
    """
    for topic in deployment.topics.values():
        deployment.configure(topic, ANY_TIMESTAMP | {"max.message.bytes": str(RECORD_BYTES)})
    kafka = KafkaSettings(
        client="kafka-python",  # the other one ends a header's name at its first NUL
        bootstrap_servers=deployment.bootstrap_servers,
        max_request_bytes=RECORD_BYTES,
    )
    sink = open_producer(kafka)
    topic = deployment.topics["processed"]
    try:
        sink.send(OutputRecord(topic, c.key, c.value, c.headers, c.timestamp) for c in cases)
    finally:
        sink.close()


def flat_of(case: Case) -> Json:
    """The flattened value, by the oracle's own reading of it."""
    return flatten(json.loads(case.value or b""))


def without_forged(flat: Json) -> Json:
    return {name: value for name, value in flat.items() if not name.startswith("profile_")}


def profile_in(fields: Json) -> Json:
    """The part of an output that the profiler added, but for the version of the rules."""
    start = "profile_"
    found = {k.removeprefix(start): v for k, v in fields.items() if k.startswith(start)}
    found.pop("rules_version", None)
    return found


def expected_profiles(cases: list[Case]) -> Iterator[tuple[Case, Json]]:
    """The oracle's profile after each case that has one."""
    fold = StandardFold()
    for case in cases:
        if case.fate == PERSISTED:
            yield case, apply(fold, case)


def apply(fold: StandardFold, case: Case) -> Json:
    """Fold a case; the oracle knows no record without a timestamp, so that one gets the event's."""
    record_ms = case.timestamp if case.timestamp < 10**15 else TIME
    profile = fold.apply(flat_of(case), record_ms=record_ms)
    assert profile is not None
    return profile


def foreign(headers: Headers, *ours: str) -> Headers:
    return tuple(header for header in headers if header[0] not in ours)


class Outcome(NamedTuple):
    """One input's only output of the last stage."""

    fate: str
    record: Record


def outcomes_of(deployment: Deployment) -> dict[int, Outcome]:
    """What became of each input, by source offset; fails where one came out twice."""
    outcomes: dict[int, Outcome] = {}
    for topic in ("persisted", "rejected"):
        for record in deployment.read(topic):
            place = place_of(record)
            assert place.topic == deployment.topics["processed"]
            assert place.offset not in outcomes, f"two outputs of offset {place.offset}"
            outcomes[place.offset] = Outcome(_fate_of(record, topic), record)
    return outcomes


def _fate_of(record: Record, topic: str) -> str:
    if topic == "rejected":
        return (dict(record.headers)["error-code"] or b"").decode()
    if record.value is None:
        return TOMBSTONE
    return PERSISTED if "profile_visitor_id" in json.loads(record.value) else ANONYMOUS
