"""The traffic of the benches."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from bench.calls import batches_of
from bench.traffic import (
    TRAFFICS,
    BenchRecord,
    Template,
    make_records,
    make_traffic,
    read_templates,
)

TEMPLATES = read_templates()


def template(number: int) -> Template:
    """A record of a visitor of its own: all its ids, in order, are its value."""
    ids = tuple(f"original-{what}-{number}" for what in ("visitor", "visit", "event"))
    return Template(ids[0], tuple(i.encode() for i in ids), " ".join(ids).encode(), number)


def ids_of(records: list[BenchRecord]) -> Counter[bytes]:
    return Counter(i for record in records for i in record.value.split())


def test_a_stretch_that_begins_anew_has_new_ids() -> None:
    templates = [template(number) for number in range(5)]
    records = make_records(templates, 12, copy_size=12)

    assert [record.timestamp for record in records] == [*range(5), *range(5), 0, 1]
    assert set(ids_of(records).values()) == {1}


def test_an_id_is_the_same_all_through_a_stretch() -> None:
    records = make_records([template(7)._replace(timestamp=n) for n in range(4)], 8, copy_size=4)

    assert len({record.visitor for record in records}) == 2
    assert set(ids_of(records).values()) == {4}


def test_a_seed_gives_the_same_records_again() -> None:
    first, again, other = (
        make_traffic(TEMPLATES, "three", 300, chance=random.Random(seed)) for seed in (1, 1, 2)
    )

    assert first == again
    assert not {record.visitor for record in first} & {record.visitor for record in other}


@pytest.mark.parametrize(
    ("name", "least", "most"), [("one", 1, 1), ("three", 2.5, 4), ("twenty", 18, 24)]
)
def test_a_traffic_is_named_after_its_events_a_visitor_and_batch(
    name: str, least: float, most: float
) -> None:
    records = make_traffic(TEMPLATES, name, 5_000)
    batches = [{record.visitor for record in batch} for batch in islice(batches_of(records), 5)]

    assert name in TRAFFICS
    assert least <= 5 * 500 / sum(map(len, batches)) <= most
