"""A consumer that fails at a moment of the test's choice, and what the worker makes of it."""

import time
from collections.abc import Mapping
from typing import Any

import redis

from profiler.errors import TransportError
from profiler.kafka import Polled
from profiler.kafka.memory import MemoryConsumer
from tests.conftest import MakeStore
from tests.integration.fault_events import page_views
from tests.integration.pipeline_runs import place_of
from tests.worker.conftest import Deploy
from tests.worker.running import FINISH_S

UNWELL, WELL = "kafka is unwell, trying again", "kafka is well again"


class Stumbling(MemoryConsumer):
    """Its polls fail as often as it is told to."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*arguments, **options)
        self.stumbles = 0

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """Fail, or poll."""
        if self.stumbles:
            self.stumbles -= 1
            raise TransportError("poll: the group refuses us")
        return super().poll(timeout_ms=timeout_ms, max_records=max_records)


class Patient(MemoryConsumer):
    """Notes how long its commits may take."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*arguments, **options)
        self.allowed: list[float] = []

    def commit(
        self,
        offsets: Mapping[tuple[str, int], int],
        *,
        generation: int,
        metadata: str = "",
        timeout_s: float = 30,
    ) -> None:
        """Note it, and commit."""
        self.allowed.append(timeout_s)
        super().commit(offsets, generation=generation, metadata=metadata, timeout_s=timeout_s)


def test_a_poll_that_fails_is_tried_again_and_nothing_is_lost(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment, made = deploy(private_store("redis7").url), []

    def make(*arguments: Any, **options: Any) -> Stumbling:  # noqa: ANN401 - handed on
        made.append(Stumbling(*arguments, **options))
        return made[-1]

    deployment.make_consumer = make
    with deployment.start("run") as program:
        deployment.produce(page_views(0, 100))
        program.wait_for(deployment.is_done)
        for times in (1, 2):  # after a success the pauses begin anew
            made[0].stumbles = 1
            program.wait_for_event(WELL, times=times)
            # At most one line of a kind a second is written.
            time.sleep(1.1)
        deployment.produce(page_views(100, 100))
        program.wait_for(deployment.is_done)
        program.stop()
        assert [line["pause_s"] for line in program.events(UNWELL)] == [0.1, 0.1]
    places = [place_of(record) for record in deployment.read("persisted")]
    assert len(places) == len(set(places)) == 200


def test_a_commit_after_the_request_to_stop_gets_only_the_time_that_is_left(
    private_store: MakeStore, deploy: Deploy
) -> None:
    server = private_store("redis7")
    deployment, made = deploy(server.url), []

    def make(*arguments: Any, **options: Any) -> Patient:  # noqa: ANN401 - handed on
        made.append(Patient(*arguments, **options))
        return made[-1]

    deployment.make_consumer = make
    with deployment.start("run", DELIVERY="at-least-once") as program:
        deployment.produce(page_views(0, 100))
        program.wait_for(deployment.is_done)
        with redis.Redis.from_url(server.url) as client:
            client.client_pause(60_000, all=False)
            deployment.produce(page_views(100, 100))
            program.wait_for_event("paused")
            program.stop_request.set()
            client.client_unpause()
        assert program.wait() == 0
    assert deployment.is_done()
    assert made[0].allowed[0] > FINISH_S >= made[0].allowed[-1]


def test_a_batch_under_way_is_committed_soon_although_no_more_records_come(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    with deployment.start("run", BATCH__POLL_TIMEOUT_MS="25000") as program:
        program.wait_for_event("assigned")
        started = time.monotonic()
        deployment.produce(page_views(0, 10))
        program.wait_for(deployment.is_done)
        assert time.monotonic() - started < 10
        # The poll under way would keep it; a record ends that.
        program.stop_request.set()
        deployment.produce(page_views(10, 1))
        assert program.wait() == 0
