"""The capacity guide's arithmetic."""

from __future__ import annotations

import pytest

from bench.capacity import Assumed, Costs, Need, costs_of, need

COSTS = Costs(worker_events_per_second=10_000, redis_cpu_us=50, bytes_per_visitor=1024)
ASSUMED = Assumed(peak=2, share=0.5, events_per_visitor=10, primary_gib=10)


def test_processors_decide_where_profiles_live_shortly() -> None:
    found = need(864_000_000, 1, COSTS, ASSUMED)

    # 10,000 events/s on average, 20,000 at the peak; a worker takes 5,000 of them.
    assert found._replace(memory_gib=0) == Need(20_000, 4, 8, 2, 0, 9)
    assert found.memory_gib == pytest.approx(82.4, abs=0.1)


def test_memory_decides_where_they_live_long() -> None:
    one_day, ten_days = (need(864_000_000, days, COSTS, ASSUMED) for days in (1, 10))

    assert ten_days.memory_gib == pytest.approx(10 * one_day.memory_gib)
    assert ten_days.primaries == 83
    assert ten_days.primaries_by_cpu == one_day.primaries_by_cpu


def test_a_small_load_takes_one_of_each() -> None:
    found = need(1_000, 1, COSTS, ASSUMED)

    assert (found.workers, found.partitions, found.primaries) == (1, 2, 1)


def test_reports_without_the_row_are_refused() -> None:
    with pytest.raises(SystemExit, match="no row"):
        costs_of({"rows": []}, {"memory": []})
