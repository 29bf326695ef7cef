"""The hostile corpus between good records: as input of a deployment, and what must come out."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from profiler.records.types import Headers, Record
from tests.integration.pipeline_runs import Input, place_of
from tests.oracles.compare import flatten
from tests.oracles.standard import StandardFold
from tests.worker.deployment import MemoryDeployment
from tests.worker.hostile import (
    ANONYMOUS,
    CORPUS,
    LIMITS,
    PERSISTED,
    RECORD_BYTES,
    TOMBSTONE,
    Case,
)
from tests.worker.hostile_records import TIME, good

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


def produce(deployment: MemoryDeployment, cases: list[Case]) -> None:
    """Put the cases in, in order; their offsets are their places (one partition)."""
    for topic in deployment.topics:
        deployment.take_records_of(topic, RECORD_BYTES)
    deployment.produce(Input(c.value, c.key, c.timestamp, c.headers) for c in cases)


def flat_of(case: Case) -> Json:
    """The flattened value, by the oracle's own reading of it."""
    return flatten(whole_characters(json.loads(case.value or b"")))


def whole_characters(parsed: Any) -> Any:  # noqa: ANN401 - any JSON
    """Put U+FFFD in the place of each half of a character that stands alone."""
    return json.loads(re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(parsed, ensure_ascii=False)))


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


def outcomes_of(deployment: MemoryDeployment) -> dict[int, Outcome]:
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
