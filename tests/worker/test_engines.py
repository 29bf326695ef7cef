"""Both engines give the same: commands, outputs, dead letters and counts, to the byte."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from hiredis import pack_command

from profiler.config.settings import Mode, Settings
from profiler.demo.sample import read_sample
from profiler.engine import EngineClass, Finished, PythonEngine, choose_engine
from profiler.errors import ConfigError
from profiler.profiles.keyed_hash import KeyedHash, StoredIds
from profiler.profiles.outputs import StoredOutput
from profiler.profiles.redis.connections import connect
from profiler.profiles.redis.nodes import Packed, Words
from profiler.profiles.script import ProfileScript
from profiler.records.types import Headers, Record
from profiler.rules.model import PRESETS, Rules, load_rules
from tests.conftest import MakeStore
from tests.missing import give_up
from tests.worker.hostile import CORPUS

VECTORS = Path(__file__).parents[2] / "lua" / "vectors" / "rules"

#: Later than all traffic here.
NOW = 1_800_000_000_000
BATCH = 500

HEADERS: dict[str, Headers] = {
    "none": (),
    "foreign": (("trace", b"1"), ("é", None), ("trace", b"2")),
    "half a source": (("source-topic", b"t"), ("source-timestamp", b"1"), ("x", b"")),
    "a source": (
        *(("x", b"y"), ("source-offset", b"7"), ("source-timestamp", b"1")),
        *(("source-partition", b"1"), ("source-topic", b"first")),
    ),
    "a wrong source": (
        ("source-topic", b"t"),
        ("source-offset", b"7"),
        ("source-partition", b"-1"),
    ),
    "no UTF-8": (("\udcff", b"x"),),
}

#: What trackers write, and what else may stand in a field.
VALUES: list[Any] = [
    *("Pageview", "pageview", "A", "B", "", "é 😀", 'a "quoted"\n\\text', "x" * 600, "/a?b=c"),
    *(0, -1, 7, 12.5, -0.0, 1e16, 1e-5, 123456789.125, 10**17, 2**63, True, False, None),
    *("0", "-3.5", "1e3", "null", "UNDEFINED", "0000000000", "Null", "nulls", "ÜNDEFINED"),
    *("https://shop.example/p?utm_source=x&gclid=1", "http://www.google.com/", "//a.example"),
    *([], ["a", 1], {}, {"a": {"b": [None]}}),
]
VISITORS: list[Any] = ["ada", "bob", 7, "x y", "null", "000000000", "ü" * 70, "z" * 140]
TIMES: list[Any] = [
    *(1_700_000_000_000, "1700000000500", 1_700_000_001, 1_700_000_000_123_456),
    *("2023-11-14T22:13:20.5Z", "2023-11-14 22:13:20", "2023-11-14T23:13:20+01:00"),
    *("2023-11-14", "tea time", "", 1_700_000_000_000.5, -5, 10**15, None, "1.7e12", " 1700000000"),
]


@pytest.fixture(scope="module")
def native() -> EngineClass:
    try:
        return choose_engine("native")
    except ConfigError as error:
        give_up("the native engine", [str(error)])


class Twins:
    """Both engines for one mode, on servers of the same state.

    Args:
        url: of a store that is emptied.
        native: the other engine.
        mode: of the workers.
        rules: theirs; None in mode flatten.
        settings: likewise.
        stored: which ids Redis gets.
    """

    def __init__(
        self,
        url: str,
        native: EngineClass,
        mode: Mode,
        rules: Rules | None,
        *,
        settings: Settings | None = None,
        stored: StoredIds | None = None,
    ) -> None:
        self._client = connect(url)
        self.met: dict[str, list[tuple[str, str]]] = {"python": [], "native": []}
        settings = settings or Settings()
        self._parts = []
        for engine in (PythonEngine, native):
            met = self.met[engine.name]
            script = None
            if rules is not None:
                script = ProfileScript(
                    self._client,
                    rules,
                    clock=lambda: NOW,
                    stored=stored or StoredIds(),
                    meet=lambda visitor, key, met=met: met.append((visitor, key)),  # type: ignore[misc] # a default binds
                )
            self._parts.append((engine(mode, settings, script), script))

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def both(
        self, records: Sequence[Record], stream: str, floors: dict[int, int] | None
    ) -> list[tuple[list[list[tuple[str, bytes]]], list[StoredOutput], list[Finished]]]:
        """What each engine makes of the records: its commands, what is stored, and what came of it.

        Every batch is folded twice, as after a fault of Redis.
        """
        made = []
        for engine, script in self._parts:
            self._client.flushall()
            if script:
                script.register()
            commands, stored, finished = [], [], []
            for start in range(0, len(records), BATCH):
                batch = engine.batch(records[start : start + BATCH], stream=stream, floors=floors)
                batch.decode()
                commands += [
                    [(key, _packed(words)) for key, words in round_] for round_ in batch.pack()
                ]
                for _ in range(2 if script and stream else 1):
                    if script:
                        script.execute(batch)
                stored += batch.stored()
                finished.append(batch.finish())
            made.append((commands, stored, finished))
        return made

    def agree(
        self,
        records: Sequence[Record],
        *,
        stream: str = "s",
        floors: dict[int, int] | None = None,
    ) -> list[Finished]:
        """Expect the same of both, and return what came of it."""
        ours, theirs = self.both(records, stream, floors)
        assert theirs[0] == ours[0]
        assert theirs[1] == ours[1]
        for one, other in zip(ours[2], theirs[2], strict=True):
            assert other.outputs == one.outputs
            assert other == one
            assert {type(output) for output in other.outputs} <= {type(o) for o in one.outputs}
        # In which order they are met within a batch does not matter.
        assert sorted(self.met["native"]) == sorted(self.met["python"])
        return ours[2]


def _packed(words: Words | Packed) -> bytes:
    packed: Any = words
    return packed if isinstance(packed, bytes) else bytes(pack_command(packed))


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


def captured(mode: Mode, headers: Headers = ()) -> list[Record]:
    """The traffic of the sample, in three partitions, as the mode reads it."""
    records = [
        Record("tracking_processed", place % 3, place, timestamp, key, value, headers)
        for place, (key, value, timestamp) in enumerate(read_sample())
    ]
    if mode != "profile":
        return records
    batch = PythonEngine("flatten", Settings(), None).batch(records)
    batch.decode()
    flat = [output.value for output in batch.finish().outputs]
    return [record._replace(value=value) for record, value in zip(records, flat, strict=True)]


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


def events_for(rules: Rules, count: int, chance: random.Random) -> list[Record]:
    """Flattened events of few visitors, whose fields hold anything."""
    identity = rules.identity
    times = {identity.created, identity.sent, identity.received}
    table = rules.derived
    names = {
        *(identity.visit, identity.event_id, *times, *rules.inputs),
        *((table.url, table.referrer, table.user_agent) if table else ()),
    }
    records = []
    for place in range(count):
        fields: dict[str, Any] = {}
        for name in identity.visitor:
            if chance.random() < 0.8:
                fields[name] = chance.choice(VISITORS if chance.random() < 0.95 else VALUES)
        for name in sorted(filter(None, names)):
            if chance.random() < 0.8:
                fields[name] = chance.choice(TIMES if name in times else VALUES)
        try:
            value = orjson.dumps(fields)
        except TypeError:  # an integer beyond 64 bits
            value = b"{}"
        timestamp = chance.choice([-1, 0, 1_700_000_000_000 + place, 2**63])
        records.append(Record("t", place % 2, place, timestamp, b"k", value, ()))
    return records


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
