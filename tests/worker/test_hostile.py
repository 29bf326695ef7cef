"""Bad input: for each record exactly one fate, and Redis untouched by what is rejected."""

import json
from functools import partial

import pytest
import redis

from profiler import __version__
from profiler.config.settings import LimitSettings, Mode, Settings
from profiler.engine import EngineClass, process
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import Record
from profiler.rules.model import load_rules
from tests.conftest import MakeStore
from tests.integration.pipe_runs import pipe
from tests.integration.pipeline_runs import place_of
from tests.oracles.standard import StandardFold
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment
from tests.worker.hostile import ANONYMOUS, CORPUS, LIMITS, PERSISTED, TOMBSTONE, Case
from tests.worker.hostile_runs import (
    ERROR_NAMES,
    SETTINGS,
    SOURCE_NAMES,
    Outcome,
    apply,
    between_good_ones,
    expected_profiles,
    flat_of,
    foreign,
    outcomes_of,
    produce,
    profile_in,
    without_forged,
)

#: Codes of the stage that has an id to look at; all others are the first stage's.
LATE_CODES = {"bad_id"}


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    assert len({case.name for case in CORPUS}) == len(CORPUS) > 300
    assert all(case.why for case in CORPUS)


@pytest.mark.parametrize("modes", [("run",), ("flatten", "profile")], ids="+".join)
def test_each_record_has_its_one_fate_and_good_ones_do_not_notice(
    modes: tuple[Mode, ...], private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url, partitions=1)
    cases = between_good_ones()
    produce(deployment, cases)
    for mode in modes:
        with deployment.start(mode, **SETTINGS) as program:
            program.wait_for(partial(deployment.is_done, mode))
            counts = program.stop()

    assert_input_is_as_meant(deployment, cases)
    outcomes = outcomes_of(deployment)
    found = {case.name: outcomes[place].fate for place, case in enumerate(cases)}
    assert found == {case.name: case.fate for case in cases}
    assert len(outcomes) == len(cases)
    rejected = [case for case in cases if case.is_rejected]
    late = [case for case in rejected if case.fate in LATE_CODES]
    assert counts["rejected"] == len(rejected if modes == ("run",) else late)

    flattened = {place_of(record).offset: record for record in deployment.read("flattened")}
    for place, case in enumerate(cases):
        outcome, flat = outcomes[place], flattened.pop(place, None)
        assert (flat is None) == (case.is_rejected and case.fate not in LATE_CODES), case.name
        if case.is_rejected:
            source = case if flat is None or modes == ("run",) else flat
            assert_dead_letter(outcome, case, source)
        else:
            assert_passed_on(outcome, case)
    assert not flattened
    assert_good_ones_did_not_notice(outcomes, cases)
    assert_stored_as_if_only_good_ones_had_come(deployment, cases)


def assert_input_is_as_meant(deployment: MemoryDeployment, cases: list[Case]) -> None:
    for case, record in zip(cases, deployment.read("processed"), strict=True):
        meant = (case.key, case.value, case.headers, case.timestamp)
        assert (record.key, record.value, record.headers, record.timestamp) == meant, case.name


def assert_dead_letter(outcome: Outcome, case: Case, source: Case | Record) -> None:
    """The bytes that the stage read, and why it refused them, without any of the data."""
    record = outcome.record
    assert record.value == source.value, case.name
    assert (record.key, record.timestamp) == (case.key, case.timestamp), case.name
    ours: tuple[str, ...] = (*SOURCE_NAMES, *ERROR_NAMES)
    if isinstance(source, Record):
        ours = (*ours, "error-topic")  # the stage before passed it on
    own = foreign(case.headers, *ours)
    assert record.headers[: len(own)] == own, case.name
    assert [name for name, _ in record.headers[len(own) :]] == list(ours), case.name
    said = dict(record.headers)
    assert said["error-stage"] == (b"profile" if case.fate in LATE_CODES else b"flatten")
    assert said["profiler-version"] == __version__.encode()
    assert 0 < len(said["error-reason"] or b"") <= 512
    assert b"victim" not in (said["error-reason"] or b"")


def assert_passed_on(outcome: Outcome, case: Case) -> None:
    """Equal by value, with a profile if there is an id, and nobody else's `profile_` names."""
    record = outcome.record
    assert (record.key, record.timestamp) == (case.key, case.timestamp), case.name
    own = foreign(case.headers, *SOURCE_NAMES)
    assert record.headers[: len(own)] == own, case.name
    assert [name for name, _ in record.headers[len(own) :]] == list(SOURCE_NAMES), case.name
    if case.fate != TOMBSTONE:
        fields = json.loads(record.value or b"")
        assert without_forged(fields) == without_forged(flat_of(case)), case.name
        assert (case.fate == ANONYMOUS) == (without_forged(fields) == fields), case.name


def assert_good_ones_did_not_notice(outcomes: dict[int, Outcome], cases: list[Case]) -> None:
    """Their profiles are those of good records alone; every other one is the oracle's too."""
    places = {case.name: place for place, case in enumerate(cases)}
    goods = [case for case in cases if case.name.startswith("good ")]
    for part in (goods, cases):
        for case, profile in expected_profiles(part):
            fields = json.loads(outcomes[places[case.name]].record.value or b"")
            assert profile_in(fields) == profile, case.name


def assert_stored_as_if_only_good_ones_had_come(
    deployment: MemoryDeployment, cases: list[Case]
) -> None:
    oracle = StandardFold()
    for case in cases:
        if case.fate == PERSISTED:
            apply(oracle, case)
    with redis.Redis.from_url(deployment.redis_url) as client:
        marks = sum(1 for _ in client.scan_iter("*mark:*"))
        assert client.dbsize() == len(oracle.visitors) + marks
    for visitor in oracle.visitors:
        known = oracle.latest(visitor)
        as_text = {n: v if isinstance(v, str) else str(int(v)) for n, v in known.items()}
        assert deployment.stored(visitor) == as_text


def test_a_rejected_record_sends_redis_no_command_at_all(
    private_store: MakeStore, engine: EngineClass
) -> None:
    client = connect(private_store("valkey9").url)
    script = ProfileScript(client, load_rules("lean"), max_id_bytes=LIMITS["max_id_bytes"])
    script.register()
    made = engine("run", Settings(limits=LimitSettings(**LIMITS)), script)

    def commands() -> dict[str, int]:
        return {name: stat["calls"] for name, stat in client.info("commandstats").items()}

    before = commands()
    records = [
        Record("t", 0, place, case.timestamp, case.key, case.value, case.headers)
        for place, case in enumerate(CORPUS)
        if case.is_rejected
    ]
    for batch in ([[record] for record in records], [records]):
        finished = [process(made, script, some, stream="s") for some in batch]
        found = [dead.rejected.code for each in finished for dead in each.rejections]
        assert found == [case.fate for case in CORPUS if case.is_rejected]
    after = commands()
    assert after.pop("cmdstat_info") == before.pop("cmdstat_info", 0) + 1
    assert after == before
    client.close()


def as_line(case: Case, value: bytes) -> bytes:
    key = b"null"
    if case.key is not None:
        try:
            key = json.dumps(case.key.decode()).encode()
        except UnicodeDecodeError:
            key = b'"%b"' % case.key
    return b'{"key": %b, "value": %b, "timestamp": %d}\n' % (key, value, case.timestamp)


def fate_in_pipe(case: Case, *, flat: bool) -> str:
    """A flattened record has no dropped members left, which alone cost a line its fate."""
    dropped = flat and case.in_pipe in {"bad_integer", "too_deep"}
    return case.fate if dropped else case.in_pipe or case.fate


#: Codes that only a record of sections can get.
OF_SECTIONS = {"bad_shape", "too_many_fields", "too_large"}


@pytest.mark.parametrize("flat", [False, True], ids=["processed", "flattened"])
def test_each_line_of_pipe_has_its_one_fate(*, flat: bool, private_store: MakeStore) -> None:
    cases = [case for case in between_good_ones() if not (flat and case.fate in OF_SECTIONS)]
    lines = []
    for case in cases:
        value = case.value
        if value is None:
            value = b"null"
        elif flat and case.fate in {PERSISTED, ANONYMOUS, "bad_id"}:
            value = json.dumps(flat_of(case)).encode()
        lines.append(as_line(case, value))
    assert all(line.count(b"\n") == 1 for line in lines)

    found, errors = pipe(
        b"".join(lines),
        *("--input", "flattened" if flat else "processed"),
        *("--redis", private_store("valkey9").url, "--rules", "lean"),
        settings=[(f"PROFILER_{name}", value) for name, value in SETTINGS.items()],
    )
    fates = [fate_in_pipe(case, flat=flat) for case in cases]
    expected = [case._replace(fate=fate) for case, fate in zip(cases, fates, strict=True)]
    refused = {n: case.fate for n, case in enumerate(expected, 1) if case.is_rejected}
    assert {error["line"]: error["code"] for error in errors} == refused
    assert len(errors) == len(refused)
    profiles = dict(expected_profiles(expected))
    passed = [case for case in expected if not case.is_rejected]
    for case, output in zip(passed, found, strict=True):
        assert output["key"] == (None if case.key is None else case.key.decode()), case.name
        if case.fate == TOMBSTONE:
            assert output["value"] is None
        else:
            assert profile_in(output["value"]) == profiles.get(case, {}), case.name
            assert without_forged(output["value"]) == without_forged(flat_of(case)), case.name
