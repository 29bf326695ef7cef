"""The rows of the fault matrix by name: a scene, and what is done in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tests.chaos.faults import kafka, operators, redis, redis_replaced, workers
from tests.chaos.scene import CLIENTS, Client, Scene
from tests.chaos.stores import (
    DURABLE,
    EVERY_SECOND,
    FLEETING,
    ClusterStores,
    LaggingPair,
    OneStore,
    SentinelStores,
)
from tests.chaos.verdict import Allowance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.chaos.site import Site


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        fault: what is done while events flow; its docstring says it in words.
        scene: what it is done to.
        events: how many inputs there are at least.
        clients: on which it is run.
    """

    fault: Callable[[Site], None]
    scene: Scene = field(default_factory=Scene)
    events: int = 1_000
    clients: Sequence[Client] = CLIENTS

    @property
    def what(self) -> str:
        """The fault in words."""
        return (self.fault.__doc__ or "").split("\n", maxsplit=1)[0]


PAIR = Scene(workers=2)
#: Redis may lose the order in which it had applied events of several partitions.
FORGETFUL = Allowance(orders=True)
DEBUGGABLE = (*DURABLE, "--enable-debug-command", "yes")

WORKERS = {
    "kill-9": Row(workers.kill_at_random),
    "kill-failpoints": Row(workers.kill_at_failpoints, Scene(rate=120)),
    "zombie": Row(workers.zombie, PAIR),
    "zombie-late-redis": Row(workers.late_zombie, PAIR),
    "zombie-late-commit": Row(
        workers.zombie_in_commit,
        # Else its transaction is over before it wakes up.
        Scene(workers=2, settings={"KAFKA__TRANSACTION_TIMEOUT_MS": "15000"}),
    ),
    "max-poll-interval": Row(
        workers.too_long_between_polls,
        Scene(workers=2, settings={"KAFKA__MAX_POLL_INTERVAL_MS": "2000"}),
    ),
    "rolling": Row(workers.come_and_go),
    "rolling-cooperative": Row(
        workers.come_and_go,
        Scene(settings={"KAFKA__ASSIGNOR": "cooperative-sticky"}, partitions=6),
        clients=("librdkafka",),
    ),
    "mixed-clients": Row(workers.mixed_clients),
    "other-batches": Row(workers.other_batches),
    "one-name-twice": Row(workers.two_of_one_name),
    "failing-calls": Row(workers.failing_calls),
    "partitions-80": Row(
        workers.kill_at_random,
        Scene(
            partitions=80,
            traffic={"spread_one_in": 2, "events_spread": 150, "crowd": 8},
            settings={"KAFKA__SESSION_TIMEOUT_MS": "3000"},
        ),
        events=2_000,
    ),
}

KAFKA = {
    "broker-kill-9": Row(kafka.kill_broker),
    "broker-restart": Row(kafka.restart_broker),
    "broker-silent": Row(kafka.silence),
    "leader-kill": Row(kafka.kill_leader, Scene(brokers="three")),
    "kafka-cut": Row(kafka.cut),
    "kafka-cut-midway": Row(kafka.cut_in_mid_request),
    "kafka-delay": Row(kafka.delay),
    "kafka-swallow": Row(kafka.swallow),
}

REDIS = {
    "redis-cut": Row(redis.cut),
    "redis-delay": Row(redis.delay),
    "redis-swallow": Row(redis.swallow_replies),
    "redis-kill-9": Row(redis.kill, Scene(stores=partial(OneStore, EVERY_SECOND))),
    "redis-aof-cut": Row(
        redis.lose_a_second, Scene(stores=partial(OneStore, EVERY_SECOND), allowed=FORGETFUL)
    ),
    "redis-emptied": Row(
        redis.empty,
        Scene(
            stores=partial(OneStore, FLEETING),
            allowed=Allowance(orders=True, profiles=True),
            ends_stopped=True,
        ),
        events=300,
    ),
    "redis-rebuilt": Row(
        redis.rebuild, Scene(stores=partial(OneStore, FLEETING), allowed=FORGETFUL)
    ),
    "redis-promotion": Row(
        redis_replaced.promote, Scene(stores=partial(LaggingPair, 1.0), allowed=FORGETFUL)
    ),
    "sentinel-failover": Row(
        redis_replaced.sentinel_failover, Scene(stores=SentinelStores, allowed=FORGETFUL)
    ),
    "script-flush": Row(redis.flush_scripts),
    "redis-paused": Row(redis.pause_clients),
    "redis-asleep": Row(redis.sleep, Scene(stores=partial(OneStore, DEBUGGABLE))),
    "redis-suspended": Row(redis.suspend),
    "redis-busy": Row(redis.busy),
    "redis-out-of-memory": Row(redis.out_of_memory),
    "redis-disk-full": Row(
        redis.fill_disk, Scene(stores=partial(OneStore, EVERY_SECOND, disk_mb=24))
    ),
    "redis-rights": Row(redis.withdraw_rights),
    "cluster-reshard": Row(redis_replaced.reshard, Scene(stores=ClusterStores)),
    "cluster-failover": Row(redis_replaced.hand_over, Scene(stores=ClusterStores)),
    "cluster-kill": Row(
        redis_replaced.kill_primary, Scene(stores=ClusterStores, allowed=FORGETFUL)
    ),
}

OPERATORS = {
    # kafka-python looks for new partitions every five minutes.
    "partitions-added": Row(operators.add_partitions, Scene(patience_s=400.0)),
    "topic-recreated": Row(operators.make_topic_anew),
    "offsets-reset": Row(operators.reset_offsets, Scene(allowed=Allowance(replayed_copies=True))),
    "kafka-rights": Row(operators.withdraw_kafka_rights),
    "oversize-dead-letters": Row(operators.oversize_dead_letters),
    "poison-storm": Row(operators.poison, Scene(settings={"DEAD_LETTERS__MAX_CONSECUTIVE": "100"})),
}

GROUPS = {"workers": WORKERS, "Kafka": KAFKA, "Redis": REDIS, "operators": OPERATORS}
ROWS: dict[str, Row] = {**WORKERS, **KAFKA, **REDIS, **OPERATORS}
