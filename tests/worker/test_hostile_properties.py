"""Whatever comes has exactly one fate; what is rejected leaves no trace in Redis."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler.config.settings import Settings
from profiler.demo.sample import read_sample
from profiler.engine import EngineClass, process
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import Record
from profiler.rules.model import load_rules
from tests.conftest import MakeStore
from tests.fates import Fate, fates_of
from tests.oracles.article import ArticleProgram
from tests.oracles.compare import flatten
from tests.oracles.standard import StandardFold
from tests.worker.conftest import Deploy
from tests.worker.hostile import CORPUS, PERSISTED, Case
from tests.worker.hostile_records import FIELDS, TIME, VICTIM, event, good
from tests.worker.hostile_runs import (
    SETTINGS,
    Json,
    expected_profiles,
    outcomes_of,
    produce,
    profile_in,
    without_forged,
)

#: All codes of dead letters that come of a record alone.
CODES = {
    *("bad_json", "bad_utf8", "bad_integer", "bad_shape", "bad_id"),
    *("not_an_object", "too_deep", "too_large", "too_many_fields"),
}

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["Pageview", "v", "}", "\r\n", "a" * 129, "a" * 513, TIME, str(TIME), 7]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
IDS = st.sampled_from(["v", "w", "}", 7, "7", "", "\x00", "a" * 512, "a" * 513])
NAMES = [f"other_{name}" for name in FIELDS]


def events(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Events with these values, some of which claim to have a profile."""
    fields = st.fixed_dictionaries(
        {"other_domain_userid": values, "other_domain_sessionid": IDS},
        optional=dict.fromkeys(NAMES[2:], values) | {"other_eventtype": st.just("Pageview")},
    )
    elements = fields.map(lambda own: [{"name": n, "value": v} for n, v in own.items()])
    forged = st.just([{"name": "id", "value": "forged"}])
    return st.fixed_dictionaries({"query": elements}, optional={"profile_visitor": forged})


SECTIONS = st.dictionaries(
    st.sampled_from(["query", "profile_visitor", ""]) | st.text(max_size=3),
    VALUES
    | st.lists(
        st.fixed_dictionaries({"name": st.sampled_from(NAMES) | VALUES, "value": VALUES})
        | st.dictionaries(st.sampled_from(["name", "value"]), VALUES)
        | VALUES,
        max_size=5,
    ),
    max_size=3,
)
PIECES = [b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\xff", b"\x00", b"9" * 20, b"e999"]


@st.composite
def damaged_events(draw: st.DrawFn) -> bytes:
    """A valid event with some of its bytes gone and others put in."""
    value = event()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(value)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=3))
        value = value[:at] + piece + value[at + draw(st.integers(0, 9)) :]
    return value


JSON_TEXTS = (
    st.one_of(events(IDS), events(IDS), events(VALUES), SECTIONS, VALUES)
    .map(json.dumps)
    .map(str.encode)
)
RECORDS = st.builds(
    Record,
    st.just("t"),
    st.just(0),
    st.just(0),
    st.integers(TIME, TIME + 9),
    st.none() | st.binary(max_size=3),
    st.binary() | JSON_TEXTS | damaged_events(),
    st.lists(st.tuples(st.text(max_size=2), st.none() | st.binary(max_size=2)), max_size=2).map(
        tuple
    ),
)


def only_output(fate: Fate) -> Json | None:
    """The persisted value, None of a dead letter; fails where a record has not one end alone."""
    ends = [output for output in fate.outputs if output.topic != "tracking_flattened"]
    assert len(ends) == 1
    (end,) = ends
    assert (end.key, end.timestamp) == (fate.record.key, fate.record.timestamp)
    if fate.rejected is None:
        assert end.topic == "tracking_persisted"
        assert len(fate.outputs) == 2
        found: Json = json.loads(end.value or b"")
        return found
    assert end.topic == "tracking_rejected"
    assert fate.rejected.code in CODES
    assert end.value == fate.record.value
    return None


def folded(preset: str, fates: list[Fate]) -> Mapping[str, Mapping[str, object]]:
    """Check each persisted value against the preset's oracle; return the profiles it has."""
    standard, article = StandardFold(), ArticleProgram()
    for fate in fates:
        persisted = only_output(fate)
        if persisted is None:
            continue
        flat = flatten(json.loads(fate.record.value or b""))
        if preset == "article":
            assert persisted == article.apply(flat)
        else:
            profile = standard.apply(flat, record_ms=fate.record.timestamp)
            assert profile_in(persisted) == (profile or {})
            assert without_forged(persisted) == without_forged(flat)
    return article.hashes if preset == "article" else standard.final_profile()


@pytest.mark.parametrize("preset", ["lean", "article"])
def test_any_batch_is_split_into_persisted_and_rejected_and_stored_as_if_by_the_good_alone(
    preset: str, private_store: MakeStore, engine: EngineClass
) -> None:
    client = connect(private_store("valkey9" if preset == "lean" else "redis7").url)
    rules = load_rules(preset)
    script = ProfileScript(client, rules)
    script.register()
    made = engine("run", Settings(), script)
    counts: Counter[str] = Counter()

    @settings(max_examples=250, deadline=None)
    @given(st.lists(RECORDS, min_size=1, max_size=6))
    def check(records: list[Record]) -> None:
        client.flushdb()
        records = [record._replace(offset=offset) for offset, record in enumerate(records)]
        finished = process(made, script, records, stream="s")
        counts.update(finished.counts)
        hashes = folded(preset, fates_of(records, finished))
        assert client.dbsize() == len(hashes)
        for visitor, expected in hashes.items():
            assert script.read(visitor) == expected

    check()
    for fate in ("profiled", "anonymous", "rejected"):
        assert counts[fate] > 25, "the strategies have gone one-sided"
    client.close()


def damaged(seed: int, count: int) -> Iterator[Case]:
    """Records of the corpus and of the sample, some of whose bytes were changed."""
    source = random.Random(seed)
    values = [case.value for case in CORPUS if case.value and len(case.value) < 10_000]
    values += [value for _, value, _ in read_sample()][:200]
    for number in range(count):
        value = bytearray(source.choice(values))
        for _ in range(source.randrange(1, 4)):
            at = source.randrange(len(value) + 1)
            piece = source.choice([*PIECES, source.randbytes(2)])
            value[at : at + source.randrange(10)] = piece
        key = source.choice([None, b"", b"key", source.randbytes(3)])
        yield Case(f"damaged {number}", bytes(value), "any", "by chance", key)


def test_damaged_records_each_come_out_of_the_worker_once(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url, partitions=1)
    cases = list(damaged(seed=7, count=1_500))
    goods = [
        Case(f"good {number}", json.dumps(good(number)).encode(), PERSISTED, "good", b"good")
        for number in range(len(cases))
    ]
    # `VICTIM` is in many a damaged record, so that only two visitors of the good are undisturbed.
    cases = [case for pair in zip(goods, cases, strict=True) for case in pair]
    produce(deployment, cases)
    with deployment.start("run", **SETTINGS) as program:
        program.wait_for(deployment.is_done)
        counts = program.stop()

    outcomes = outcomes_of(deployment)
    assert sorted(outcomes) == list(range(len(cases)))
    rejected = [place for place, outcome in outcomes.items() if outcome.fate in CODES]
    assert counts["rejected"] == len(rejected) > 500
    for place in rejected:
        assert outcomes[place].record.value == cases[place].value
    places = {case.name: place for place, case in enumerate(cases)}
    for case, profile in expected_profiles(goods):
        outcome = outcomes[places[case.name]]
        assert outcome.fate == PERSISTED
        if profile["visitor_id"] != VICTIM:
            assert profile_in(json.loads(outcome.record.value or b"")) == profile
