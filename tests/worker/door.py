"""Records through the door: a real store, and a reader's clock that a test sets."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest

from profiler.config.settings import Mode, Settings
from profiler.engine import EngineClass, process
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import NO_TIMESTAMP, Record
from profiler.rules.model import Rules, load_rules
from tests.conftest import MakeStore

Json = dict[str, Any]

#: 14 November 2023, 22:13:20, which is the reader's now.
NOW = 1_700_000_000_000
DAY = 86_400_000


def page_view(**more: object) -> Json:
    """A flattened page view of visitor v in visit A; None leaves a field out."""
    fields = {"domain_userid": "v", "domain_sessionid": "A", "eventtype": "Pageview", **more}
    return {f"query-other_{name}": value for name, value in fields.items() if value is not None}


def dated(at: object, page: str, **more: object) -> Json:
    """A page view with its own time."""
    return page_view(dvce_created_tstamp=at, page_title=page, event_id=f"id of {page}", **more)


class Door:
    """One reader: its rules, its clock, and a store of its own.

    Args:
        url: of the store; it is emptied.
        rules: whose script.
        engine: what decodes.

    Attributes:
        now: what the reader's clock shows.
        offset: of the latest record.
    """

    def __init__(self, url: str, rules: Rules, engine: EngineClass) -> None:
        self._engine = engine
        self.now = NOW
        self._client = connect(url)
        self._client.flushall()
        self._rules = rules
        self.offset = 0
        self.restart()

    def restart(self) -> None:
        """Read on in another process, which knows of no time that was given."""
        self._script = ProfileScript(self._client, self._rules, clock=lambda: self.now)
        self._script.register()

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def take(
        self,
        *flats: Json,
        timestamps: Sequence[int] = (),
        mode: Mode = "profile",
        watermarks: bool = False,
    ) -> list[Json]:
        """Read flattened events as one batch; return the outputs' `profile_` parts.

        Args:
            flats: the events.
            timestamps: of the records; without them they have none.
            mode: of the worker; ``run`` reads the same events as sections.
            watermarks: whether the offsets last.
        """
        engine = self._engine(mode, Settings(), self._script)
        records = []
        for place, flat in enumerate(flats):
            self.offset += 1
            timestamp = timestamps[place] if timestamps else NO_TIMESTAMP
            value = flat if mode == "profile" else sections(flat)
            encoded = json.dumps(value).encode()
            records.append(Record("t", 0, self.offset, timestamp, None, encoded, ()))
        finished = process(engine, self._script, records, stream="t" if watermarks else "")
        assert finished.rejections == []
        topic = Settings().topics.persisted
        values = [json.loads(out.value or b"") for out in finished.outputs if out.topic == topic]
        return [
            {k.removeprefix("profile_"): v for k, v in value.items() if k.startswith("profile_")}
            for value in values
        ]


def sections(flat: Json) -> Json:
    """The record of which this is flattened."""
    names = [(name.removeprefix("query-"), value) for name, value in flat.items()]
    return {"query": [{"name": name, "value": value} for name, value in names]}


@pytest.fixture
def door(private_store: MakeStore, engine: EngineClass) -> Iterator[Door]:
    with closing(Door(private_store("redis7").url, load_rules("lean"), engine)) as door:
        yield door
