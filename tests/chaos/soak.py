"""The soak: faults at random for a long time, and a verdict every minute.

A round is a minute of load and faults. At its end the load rests until everything is committed,
and the oracle judges the round; so its memory stays bounded, however long the soak is. Workers,
topics and Redis go on from round to round.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

from tests.chaos import report
from tests.chaos.faults import kafka, redis, workers
from tests.chaos.scene import Scene
from tests.chaos.site import Site
from tests.chaos.verdict import FAULTS, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.chaos.brokers import Brokers
    from tests.chaos.scene import Client

_ROUND_S = 50.0
_MOST_SCALE = 0.3

#: What may happen in any round; each is a row's fault, done a few times less.
FAULTS_AT_RANDOM: tuple[Callable[[Site], None], ...] = (
    workers.kill_at_random,
    workers.zombie,
    workers.late_zombie,
    workers.other_batches,
    workers.come_and_go,
    workers.failing_calls,
    kafka.kill_broker,
    kafka.cut,
    kafka.cut_in_mid_request,
    kafka.delay,
    kafka.swallow,
    redis.cut,
    redis.delay,
    redis.swallow_replies,
    redis.kill,
    redis.flush_scripts,
    redis.pause_clients,
    redis.suspend,
    redis.busy,
    redis.out_of_memory,
)


@dataclass
class Minute:
    """What a round came to; all figures are sums since the start.

    Attributes:
        seconds: since the start.
        verdict: of all rounds so far.
        faults: how many were done.
        worker_bytes: the largest resident memory of a worker now.
        redis_bytes: what Redis says that it uses now.
        done: the faults of this round, by their functions' names.
    """

    seconds: float
    verdict: Verdict
    faults: int
    worker_bytes: int
    redis_bytes: int
    done: list[str]


def soak(brokers: Brokers, *, client: Client, seed: int, hours: float) -> Iterator[Minute]:
    """Go on for so long; yields every minute."""
    began = time.monotonic()
    total = Verdict()
    scene = Scene(workers=2, rate=200.0)
    with Site(scene, brokers, client=client, seed=seed, scale=_MOST_SCALE) as site:
        site.begin()
        while time.monotonic() - began < hours * 3_600:
            done = []
            until = time.monotonic() + _ROUND_S
            while time.monotonic() < until:
                fault = site.chance.choice(FAULTS_AT_RANDOM)
                done.append(fault.__name__)
                fault(site)
                brokers.heal()
                site.stores.heal()
            with site.load.quiet():
                site.settle()
                total += site.verdict()
            yield Minute(
                time.monotonic() - began,
                total,
                site.faults,
                site.crew.resident_bytes(),
                site.stores.used_bytes(),
                done,
            )
        site.load.finish()
        site.crew.stop()


def show(minute: Minute) -> None:
    """Print a round."""
    verdict = minute.verdict
    word = "[green]right[/green]" if verdict.is_right else "[red]WRONG[/red]"
    figures = " ".join(f"{name} {getattr(verdict, name)}" for name in FAULTS)
    report.CONSOLE.print(
        f"{minute.seconds / 60:5.1f} min {word} events {verdict.inputs} faults {minute.faults}"
        f" {figures} worker {minute.worker_bytes >> 20} MB"
        f" redis {minute.redis_bytes / (1 << 20):.1f} MB  {' '.join(minute.done)}"
    )
    for text in verdict.examples:
        report.CONSOLE.print(f"      {text}", markup=False)


def table(minutes: Sequence[Minute], client: Client) -> None:
    """Print every tenth round, and the last one."""
    shown = Table(title=f"soak on {client}")
    for name in ("min", "events", "faults", *FAULTS, "worker MB", "Redis MB"):
        shown.add_column(name, justify="right")
    for minute in [*minutes[9:-1:10], minutes[-1]]:
        shown.add_row(
            f"{minute.seconds / 60:.0f}",
            str(minute.verdict.inputs),
            str(minute.faults),
            *(str(getattr(minute.verdict, name)) for name in FAULTS),
            str(minute.worker_bytes >> 20),
            f"{minute.redis_bytes / (1 << 20):.1f}",
        )
    report.CONSOLE.print(shown)


def as_json(minute: Minute, client: Client, seed: int) -> dict[str, Any]:
    """The last round, which is the sum of all."""
    figures = {name: getattr(minute.verdict, name) for name in report.FIGURES}
    return {
        "row": "soak",
        "client": client,
        "seed": seed,
        **figures,
        "faults": minute.faults,
        "seconds": round(minute.seconds),
        "worker_bytes": minute.worker_bytes,
        "redis_bytes": minute.redis_bytes,
    }
