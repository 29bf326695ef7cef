"""What a row wants to find before its fault begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tests.chaos.stores import OneStore
from tests.chaos.verdict import NOTHING, Allowance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.chaos.stores import Stores

Client = Literal["librdkafka", "kafka-python"]
CLIENTS: tuple[Client, ...] = ("librdkafka", "kafka-python")

#: With which a worker notices soon what is done to it, and is soon given up.
HASTY = {
    "KAFKA__SESSION_TIMEOUT_MS": "2000",
    "KAFKA__HEARTBEAT_INTERVAL_MS": "200",
    # So long a broker that crashed may wait for members that it forgot to give up.
    "KAFKA__MAX_POLL_INTERVAL_MS": "15000",
    "KAFKA__DELIVERY_TIMEOUT_MS": "3000",
    "KAFKA__TRANSACTION_TIMEOUT_MS": "6000",
    "BATCH__POLL_TIMEOUT_MS": "100",
    "BATCH__MAX_RECORDS": "20",
    "REDIS__SOCKET_TIMEOUT_S": "0.5",
}


@dataclass(frozen=True)
class Scene:
    """What a row wants to find.

    Attributes:
        partitions: of every topic.
        workers: how many run from the start.
        rate: events a second.
        settings: of the workers, named as in the environment.
        stores: makes the Redis.
        traffic: of other proportions than usual, see `Traffic`.
        brokers: which cluster.
        allowed: what the row's fault does to the output by its nature.
        patience_s: how long the workers may take for anything that is waited for.
        ends_stopped: the workers are right to refuse to go on; what is not committed is left.
    """

    partitions: int = 3
    workers: int = 1
    rate: float = 250.0
    settings: Mapping[str, str] = field(default_factory=dict)
    stores: Callable[[], Stores] = OneStore
    traffic: Mapping[str, int] = field(default_factory=dict)
    brokers: Literal["one", "three"] = "one"
    allowed: Allowance = NOTHING
    patience_s: float = 120.0
    ends_stopped: bool = False
