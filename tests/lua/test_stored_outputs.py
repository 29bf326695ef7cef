"""A model of a worker: what comes again gets the answer that it got first, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.profiles.outputs import StoredOutput, trimming
from profiler.profiles.reply import Applied
from profiler.records.types import FlatEvent
from tests.lua.runner import T0, examples, flat_of
from tests.presets import ONE_OF_EACH_ORDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from profiler.profiles.calls import Calls
    from profiler.profiles.redis import Word
    from profiler.profiles.reply import Outcome
    from tests.lua.runner import Runner

STREAMS = ("s:0", "s:1")
IN_FLIGHT = 3


class Batch(NamedTuple):
    """A batch under way: its events, its calls, and where each stream stands behind it."""

    events: list[FlatEvent]
    calls: Calls
    ends: dict[str, int]


class Worker:
    """What a worker does, with three batches under way, and what every event got first."""

    def __init__(self, runner: Runner, logs: Mapping[str, Sequence[FlatEvent]]) -> None:
        self.runner, self.logs = runner, logs
        self.committed = dict.fromkeys(logs, 0)
        self.position = dict.fromkeys(logs, 0)
        self.under_way: list[Batch] = []
        self.old: list[Batch] = []
        self.late: list[StoredOutput] = []
        self.first: dict[tuple[str, int], Outcome] = {}

    def poll(self, sizes: Sequence[int], *, knows_floors: bool, most_calls: int | None) -> None:
        """Read and apply a batch; of its calls only so many arrive, and then the worker ends."""
        if len(self.under_way) == IN_FLIGHT:
            self.commit()
        events: list[FlatEvent] = []
        ends: dict[str, int] = {}
        for (stream, log), size in zip(self.logs.items(), sizes, strict=True):
            start = self.position[stream]
            events += log[start : start + size]
            ends[stream] = self.position[stream] = min(len(log), start + size)
        floors = self.committed if knows_floors else {}
        batch = Batch(events, self.runner.script.calls_of(events, floors), ends)
        self.under_way.append(batch)
        self.apply(batch, most_calls)
        if most_calls is not None:
            self.crash()

    def apply(self, batch: Batch, most_calls: int | None = None) -> None:
        """Send the calls, or the first ones, and compare what every event gets."""
        if most_calls is not None:
            for command in [each for calls in batch.calls.rounds for each in calls][:most_calls]:
                self.send(command.words)
            return
        self.runner.script.execute(batch.calls)
        for each, outcome in zip(batch.events, batch.calls.outcomes, strict=True):
            assert isinstance(outcome, Applied)
            assert "replayed" not in outcome.flags
            assert self.first.setdefault((each.stream, each.offset), outcome) == outcome

    def send(self, words: Sequence[Word]) -> None:
        """Send a command as it is."""
        client: Any = self.runner.client
        client.execute_command(*words)

    def commit(self) -> None:
        """Commit the oldest batch, and trim what it stored: now, or when somebody finds time."""
        if self.under_way:
            batch = self.under_way.pop(0)
            self.committed |= batch.ends
            self.late += batch.calls.stored

    def trim(self) -> None:
        """Send the HDELs of what was committed, however late."""
        for command in trimming(self.late):
            self.send(command.words)
        self.late.clear()

    def crash(self) -> None:
        """Begin anew at what is committed; the old worker may still be there."""
        self.old = self.under_way
        self.under_way = []
        self.position = dict(self.committed)

    def haunt(self) -> None:
        """The old worker sends its calls once more, as after a timeout."""
        for batch in self.old:
            self.runner.script.execute(batch.calls)


def log_of(stream: str, rows: Sequence[tuple[int, int, int]]) -> list[FlatEvent]:
    """Events of three visitors at every offset of a stream."""
    return [
        FlatEvent(
            stream,
            offset,
            T0 + 1_000 * offset,
            flat_of(
                visitor="uvw"[visitor],
                visit="ABC"[visit],
                type=("Pageview", "Click")[kind],
                page=f"{stream} {offset}",
                id=f"{stream}-{offset}",
                time=T0 + 1_000 * offset,
            ),
        )
        for offset, (visitor, visit, kind) in enumerate(rows)
    ]


ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)), max_size=25)
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("poll"),
            st.tuples(st.integers(0, 6), st.integers(0, 6)),
            st.booleans(),
            st.one_of(st.none(), st.none(), st.integers(0, 4)),
        ),
        st.tuples(st.sampled_from(["commit", "commit", "trim", "crash", "haunt"])),
    ),
    max_size=30,
)


@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
@given(rows=st.tuples(ROWS, ROWS), steps=STEPS)
@examples(100)
def test_every_event_is_applied_once_and_gets_its_first_answer(
    shared_standard: Runner,
    shared_article: Runner,
    preset: str,
    rows: tuple[list[tuple[int, int, int]], ...],
    steps: list[tuple[object, ...]],
) -> None:
    runner = {"lean": shared_standard, "article": shared_article}[preset]
    runner.clear()
    logs = {s: log_of(s, each) for s, each in zip(STREAMS, rows, strict=True)}
    worker = Worker(runner, logs)

    for name, *given_ in steps:
        if name == "poll":
            sizes, knows_floors, most_calls = given_
            worker.poll(sizes, knows_floors=knows_floors, most_calls=most_calls)  # type: ignore[arg-type]
        else:
            getattr(worker, str(name))()
    while worker.committed != {stream: len(log) for stream, log in logs.items()}:
        worker.poll((7, 7), knows_floors=True, most_calls=None)
        worker.commit()
    worker.trim()

    assert len(worker.first) == sum(map(len, rows))
    if preset == "lean":
        for number, visitor in enumerate("uvw"):
            count = sum(row[0] == number for each in rows for row in each)
            assert runner.stored(visitor).get("visitor_events", 0) == count
