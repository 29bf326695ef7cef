"""What the observer that counts makes of a committed batch."""

import time
from collections import Counter

import pytest

from profiler.config.settings import Settings
from profiler.records.types import NO_TIMESTAMP
from profiler.service.telemetry import Telemetry
from profiler.worker.observer import CommittedBatch, LoopState
from tests.scrape import samples_in, sum_of

PLACE = ("tracking_processed", 0)


def committed(*timestamps: int) -> CommittedBatch:
    counts = Counter(read=3, profiled=2, late=1, time_corrected=2, no_time=1, forged_names=9)
    written = Counter(tracking_flattened=3, tracking_persisted=2, tracking_rejected=1)
    triggers = Counter({("big", "fired"): 2, ("big", "retracted"): 1})
    return CommittedBatch(3, counts, Counter(bad_number=1), written, timestamps, triggers)


def test_a_batch_is_counted_by_the_names_of_the_log() -> None:
    telemetry = Telemetry("run", Settings(), engine="python")
    telemetry.committed(committed())
    telemetry.committed(committed())
    found = samples_in(telemetry.metrics())
    expected = {
        "consumed": 6,
        "flattened": 6,
        "persisted": 4,
        "profiled": 4,
        "late": 2,
        "time_replaced": 4,
        "rejected": 2,
        "anonymous": 0,
    }
    for name, count in expected.items():
        assert sum_of(found, f"profiler_records_{name}_total") == count, name
    assert sum_of(found, "profiler_records_rejected_total", code="bad_number") == 2
    assert sum_of(found, "profiler_triggers_total", trigger="big", state="fired") == 4
    assert sum_of(found, "profiler_triggers_total", trigger="big", state="retracted") == 2
    assert sum_of(found, "profiler_batch_records_sum") == 6
    assert sum_of(found, "profiler_last_commit_timestamp_seconds") == pytest.approx(
        time.time(), abs=60
    )


def test_what_runs_is_told() -> None:
    found = samples_in(Telemetry("run", Settings(), engine="native").metrics())
    labels = {"mode": "run", "delivery": "exactly-once", "engine": "native"}
    assert sum_of(found, "profiler_info", **labels) == 1


def test_the_age_of_a_record_is_never_negative_and_without_a_time_it_has_none() -> None:
    telemetry = Telemetry("run", Settings(), engine="python")
    now_ms = int(time.time() * 1_000)
    hour_ms = 3_600_000
    telemetry.committed(committed(now_ms - hour_ms, NO_TIMESTAMP, now_ms + hour_ms))
    found = samples_in(telemetry.metrics())
    assert sum_of(found, "profiler_latency_seconds_count") == 2
    assert sum_of(found, "profiler_latency_seconds_bucket", le="0.05") == 1
    assert sum_of(found, "profiler_latency_seconds_bucket", le="1800.0") == 1
    assert sum_of(found, "profiler_latency_seconds_sum") == pytest.approx(3_600, abs=60)


def test_rebalances_are_counted_by_generations() -> None:
    telemetry = Telemetry("run", Settings(), engine="python")
    for generation in (0, 1, 1, 4):
        telemetry.turned(LoopState(frozenset([PLACE]), generation, is_paused=True, under_way=7))
    found = samples_in(telemetry.metrics())
    assert sum_of(found, "profiler_rebalances_total") == 4
    assert sum_of(found, "profiler_generation") == 4
    assert sum_of(found, "profiler_paused_partitions") == 1
    assert sum_of(found, "profiler_records_under_way") == 7


def test_readiness_follows_what_the_worker_tells() -> None:
    now_s = 1_000.0
    telemetry = Telemetry("run", Settings(), engine="python", clock=lambda: now_s)
    assert telemetry.not_ready().startswith("starting")
    telemetry.turned(LoopState(frozenset(), 0, is_paused=False, under_way=0))
    assert telemetry.not_ready() == "no partition is assigned"
    now_s += 3_600  # it waited for a partition; that was no failure
    telemetry.turned(LoopState(frozenset([PLACE]), 1, is_paused=False, under_way=5))
    assert telemetry.not_ready() == ""
    now_s += 61
    telemetry.turned(LoopState(frozenset([PLACE]), 1, is_paused=False, under_way=5))
    assert telemetry.not_ready() == "no commit for 61 s, 5 records are under way"
    assert telemetry.not_alive() == ""
    telemetry.committed(committed())
    assert telemetry.not_ready() == ""
    telemetry.turned(LoopState(frozenset([PLACE]), 1, is_paused=False, under_way=0))
    now_s += 61
    assert telemetry.not_alive() == "the loop has not turned for 61 s"
    telemetry.turned(LoopState(frozenset([PLACE]), 1, is_paused=False, under_way=0))
    telemetry.spent("idle", 0.5)
    assert telemetry.not_ready() == ""
    now_s += 61
    # Redis is away, and nothing is under way: an idle poll is no good sign then.
    telemetry.turned(LoopState(frozenset([PLACE]), 1, is_paused=True, under_way=0))
    telemetry.spent("idle", 0.5)
    assert telemetry.not_ready().startswith("no commit for 61 s")
