"""Both engines side by side, and the records that they are compared by."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from hiredis import pack_command

from profiler.config.settings import Mode, Settings
from profiler.demo.sample import read_sample
from profiler.engine import EngineClass, Finished, PythonEngine
from profiler.profiles.keyed_hash import StoredIds
from profiler.profiles.outputs import StoredOutput
from profiler.profiles.redis.connections import connect
from profiler.profiles.redis.nodes import Packed, Words
from profiler.profiles.script import ProfileScript
from profiler.records.types import Headers, Record
from profiler.rules.model import Rules

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
