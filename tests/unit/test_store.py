"""The numbers behind the metrics."""

import threading

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Histogram as Theirs

from profiler.service.metrics import CONSUMED, LAG, LATENCY, PAUSED, REJECTED
from profiler.service.store import Store


def page(store: Store) -> list[str]:
    registry = CollectorRegistry()
    registry.register(store)
    return generate_latest(registry).decode().splitlines()


@given(st.lists(st.lists(st.floats(0, 4_000), max_size=20), max_size=5))
def test_a_histogram_of_batches_is_what_the_library_would_count(batches: list[list[float]]) -> None:
    registry = CollectorRegistry()
    theirs = Theirs(LATENCY.name, LATENCY.help, buckets=LATENCY.buckets, registry=registry)
    store = Store([LATENCY])
    for batch in batches:
        for value in batch:
            theirs.observe(value)
        store.observe(LATENCY, sorted(batch))
    expected = generate_latest(registry).decode().splitlines()
    counts = [line for line in expected if "_bucket" in line or "_count" in line]
    assert [line for line in page(store) if "_bucket" in line or "_count" in line] == counts


def test_what_has_no_labels_is_there_from_the_start() -> None:
    store = Store([CONSUMED, PAUSED, REJECTED])
    assert f"{CONSUMED.name} 0.0" in page(store)
    assert f"{PAUSED.name} 0.0" in page(store)
    assert not [line for line in page(store) if line.startswith(f"{REJECTED.name}{{")]


def test_series_of_a_partition_that_moved_are_gone() -> None:
    store = Store([LAG])
    store.replace(LAG, [(("g", "t", "0"), 7), (("g", "t", "1"), 8)])
    store.replace(LAG, [(("g", "t", "1"), 9)])
    lines = [line for line in page(store) if line.startswith(LAG.name)]
    assert lines == [f'{LAG.name}{{group="g",partition="1",topic="t"}} 9.0']


def test_no_scrape_sees_a_part_of_a_batch() -> None:
    store, seen = Store([CONSUMED, REJECTED]), threading.Event()

    def look() -> None:
        page(store)
        seen.set()

    scrape = threading.Thread(target=look)
    with store.together():
        store.add(CONSUMED, 2)
        scrape.start()
        assert not seen.wait(0.1)
        store.add(REJECTED, 1, "bad_json")
    assert seen.wait(5)
    scrape.join()
