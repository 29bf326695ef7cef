"""Both engines give the same: commands, outputs, dead letters and counts, to the byte."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from profiler.config.settings import Mode, Settings
from profiler.engine import EngineClass, PythonEngine, choose_engine
from profiler.errors import ConfigError
from profiler.profiles.keyed_hash import KeyedHash, StoredIds
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import Record
from profiler.rules.model import PRESETS, Rules, load_rules
from tests.conftest import MakeStore
from tests.missing import give_up
from tests.worker.hostile import CORPUS
from tests.worker.twins import HEADERS, NOW, VECTORS, Twins, captured, events_for


@pytest.fixture(scope="module")
def native() -> EngineClass:
    try:
        return choose_engine("native")
    except ConfigError as error:
        give_up("the native engine", [str(error)])


@pytest.fixture
def twins(private_store: MakeStore, native: EngineClass) -> Iterator[Callable[..., Twins]]:
    """Make twins on one server."""
    made: list[Twins] = []
    server = private_store("redis7")

    def make(mode: Mode, rules: Rules | None, **more: Any) -> Twins:  # noqa: ANN401 - of `Twins`
        made.append(Twins(server.url, native, mode, rules, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("mode", ["run", "profile"])
def test_captured_traffic_leaves_as_the_same_bytes_and_none_of_it_is_declined(
    twins: Callable[..., Twins], native: EngineClass, preset: str, mode: Mode
) -> None:
    rules = load_rules(preset)
    for headers in (HEADERS["none"], HEADERS["a source"]):
        records = captured(mode, headers)
        (finished, *_) = twins(mode, rules).agree(records, floors={0: 0, 1: 900})
        assert finished.counts["profiled"] > 400
    timeless = [record._replace(timestamp=-1) for record in records]
    twins(mode, rules).agree(timeless, stream="")
    made: Any = native(mode, Settings(), ProfileScript(connect("redis://nowhere"), rules))
    for stream in ("s", ""):
        batch = made.batch(timeless, stream=stream)
        batch.decode()
        batch.pack()
        assert batch.declined == []


@pytest.mark.parametrize("headers", HEADERS)
@pytest.mark.parametrize("mode", ["run", "flatten", "profile"])
def test_headers_are_the_same(twins: Callable[..., Twins], mode: Mode, headers: str) -> None:
    rules = None if mode == "flatten" else load_rules("article")
    twins(mode, rules).agree(captured(mode, HEADERS[headers])[:100])


@pytest.mark.parametrize("stream", ["s", ""])
@pytest.mark.parametrize("mode", ["run", "flatten", "profile"])
@pytest.mark.parametrize("anonymous", ["pass", "reject"])
def test_hostile_records_are_the_same_among_good_ones(
    twins: Callable[..., Twins], mode: Mode, stream: str, anonymous: str
) -> None:
    good = captured(mode)[:200]
    values = [(case.key, case.value, case.headers, case.timestamp) for case in CORPUS]
    hostile = [
        Record("tracking_processed", place % 2, place, timestamp, key, value, headers)
        for place, (key, value, headers, timestamp) in enumerate(values)
    ]
    mixed = [record for pair in zip(hostile, good * 9, strict=False) for record in pair]
    records = [record._replace(offset=place) for place, record in enumerate(mixed)]
    settings = Settings.model_validate({"anonymous": anonymous, "limits": {"max_depth": 20}})
    rules = None if mode == "flatten" else load_rules("standard")
    twins(mode, rules, settings=settings).agree(records, stream=stream)


ELEMENTS = [
    b'{"name":"a","value":1}',
    b'{"value":"x","name":"b"}',
    b'{"type":"t","name":"c","value":[1,{"d":null}],"more":{"name":1}}',
    b'{"value":1,"more":[1e400],"name":"d"}',
    b'{"name":"e","value":1,"name":"f"}',
    b'{"name":"g","more":12345678901234567890123,"value":0}',
    b'{"name":"h"}',
    b'{"name":"\\u0069","value":"\\ud83c"}',
    b'{"name":"j","value":-0}',
]


@pytest.mark.parametrize("mode", ["flatten", "profile"])
def test_damaged_and_odd_records_are_the_same(twins: Callable[..., Twins], mode: Mode) -> None:
    chance = random.Random(mode)
    values = [record.value or b"" for record in captured(mode)[:300]]
    values += [
        b'{"q": [%b]}' % b", ".join(chance.choices(ELEMENTS, k=chance.randint(1, 4)))
        for _ in range(300)
    ]
    signs = b'{}[]",:\\0123456789eE.+-nutfals \x00\x1f\x80\xc3\xed\xff'
    for value in values[:600] * 2:
        damaged = bytearray(value)
        for _ in range(chance.randint(1, 2)):
            damaged[chance.randrange(len(damaged))] = chance.choice(signs)
        values.append(bytes(damaged))
    records = [
        Record("tracking_processed", 0, place, 1, None, value, ())
        for place, value in enumerate(values)
    ]
    rules = None if mode == "flatten" else load_rules("article")
    finished = twins(mode, rules).agree(records)
    assert 100 < sum(each.counts["rejected"] for each in finished) < 1_700


RULES = sorted(path.name for path in VECTORS.glob("*.toml"))


@pytest.mark.parametrize("name", [*RULES, *PRESETS])
@pytest.mark.parametrize("stream", ["s", ""])
def test_events_that_hold_anything_are_the_same_under_all_rules(
    twins: Callable[..., Twins], name: str, stream: str
) -> None:
    rules = load_rules(name if name in PRESETS else str(VECTORS / name))
    records = events_for(rules, 700, random.Random(f"{name} {stream}"))
    finished = twins("profile", rules).agree(records, stream=stream, floors={0: 300})
    assert sum(each.counts["profiled"] for each in finished) > 100


@pytest.mark.parametrize("ids", ["hashed", "plain"])
def test_personal_fields_and_hashed_ids_are_the_same(twins: Callable[..., Twins], ids: str) -> None:
    written = load_rules(str(VECTORS / "values.toml"))
    plain = [
        name
        for name in written.inputs
        if name not in written.numbers and not name.startswith("derived.")
    ]
    own = {written.identity.visit, written.identity.event_id, *written.identity.visitor}
    hashed, dropped = [name for name in plain if name not in own][:2]
    personal = {hashed: "hash", dropped: "drop"}
    rules = Rules.model_validate(written.model_dump(exclude_none=True) | {"personal": personal})
    stored = StoredIds(KeyedHash(b"k" * 32), is_hashed=ids == "hashed")
    records = events_for(rules, 300, random.Random("personal"))
    twins("profile", rules, stored=stored).agree(records)


def test_a_profile_that_redis_cannot_read_is_a_dead_letter_on_both(
    private_store: MakeStore, native: EngineClass
) -> None:
    url, rules = private_store("redis7").url, load_rules("lean")
    made = []
    with closing(connect(url)) as client:
        for engine in (PythonEngine, native):
            client.flushall()
            script = ProfileScript(client, rules, clock=lambda: NOW)
            script.register()
            records = captured("run")[:300]
            first = engine("run", Settings(), script).batch(records, stream="s")
            first.decode()
            keys = [command.key for command in first.pack()[0]]
            client.set(keys[3], "no hash")
            script.execute(first)
            made.append(first.finish())
    assert made[0] == made[1]
    assert {dead.rejected.code for dead in made[0].rejections} == {"EPROFILE"}
