"""A worker over events of a crowd that is in the store already."""

import random
import uuid
from collections.abc import Sequence

from bench.broker import Topics
from bench.populate import Crowd, visitor_id
from bench.rounds import Servers, Stream, measure_stream
from bench.traffic import BenchRecord, Template
from bench.workers import profiler_run


def measure_worker(
    servers: Servers,
    templates: Sequence[Template],
    crowd: Crowd,
    *,
    rules: str,
    hot: bool,
    count: int,
) -> float:
    """Run `profiler run` with its defaults over `count` events.

    Args:
        servers: the store has the crowd, and keeps what is added.
        templates: captured traffic; its pages, types and times are taken.
        crowd: whose visitors the events are, at random.
        rules: a preset.
        hot: whether one visitor takes half of the events.
        count: how many.

    Returns:
        Events per second.
    """
    visitors = [random.randrange(crowd.visitors) for _ in range(count)]  # noqa: S311 - no secret
    if hot:
        visitors[::2] = [crowd.visitors - 1] * len(visitors[::2])
    token = uuid.uuid4().hex[:8]
    records = [
        _record(templates[place % len(templates)], visitor_id(number), f"{place:08x}", token)
        for place, number in enumerate(visitors)
    ]

    def build(token: str, topics: Topics) -> Stream:
        return Stream([profiler_run({"rules": rules}, servers.addresses, topics, token)])

    figures = measure_stream(
        servers, records, build, commands=("evalsha",), on_progress=lambda _done: None
    )
    return figures.events_per_second


def _record(template: Template, visitor: str, place: str, token: str) -> BenchRecord:
    """A captured record under a visitor of the crowd, in one new visit of that visitor's."""
    value = template.value
    new_ids = (visitor, token + visitor[8:], f"{place}-{token}{visitor[17:]}")
    for old, new in zip(template.ids, new_ids, strict=True):
        value = value.replace(old, new.encode())
    return BenchRecord(visitor, value, template.timestamp)
