"""The soak: faults at random for a long time, and what came of them, every minute.

After about a minute of load and faults the load rests until everything is committed, and the oracle
judges that round; so its memory stays bounded, however long the soak is. Workers, topics and Redis
go on from round to round. A line is printed every minute, also where a round takes longer.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis
from rich.table import Table

from tests.chaos import report
from tests.chaos.faults import kafka, workers
from tests.chaos.faults import redis as store
from tests.chaos.scene import Scene
from tests.chaos.verdict import FAULTS, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.chaos.scene import Client
    from tests.chaos.site import Site

_ROUND_S = 50.0
_TELL_EVERY_S = 60.0
#: The scene; its seed and client come from outside.
SCENE = Scene(workers=2, rate=200.0)
#: Of a fault, against its row.
SCALE = 0.3

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
    store.cut,
    store.delay,
    store.swallow_replies,
    store.kill,
    store.flush_scripts,
    store.pause_clients,
    store.suspend,
    store.busy,
    store.out_of_memory,
)


@dataclass
class Minute:
    """How far the soak is; all figures are sums since the start.

    Attributes:
        seconds: since the start.
        events: inputs so far.
        verdict: of all rounds that are judged.
        faults: how many were done.
        worker_bytes: the largest resident memory of a worker now.
        redis_bytes: what Redis says that it uses now; 0 where it does not answer.
        doing: the fault that is being done, by its function's name.
    """

    seconds: float
    events: int
    verdict: Verdict
    faults: int
    worker_bytes: int
    redis_bytes: int
    doing: str


class Soak:
    """One soak.

    Args:
        site: its scene.
        tell: is called every minute, and at the end.
    """

    def __init__(self, site: Site, tell: Callable[[Minute], None]) -> None:
        self._site, self._tell = site, tell
        self._verdict = Verdict()
        self._doing = ""
        self._began = time.monotonic()
        self._end = threading.Event()

    def run(self, hours: float) -> Verdict:
        """Go on for so long; return what came of it."""
        ticker = threading.Thread(target=self._tick, name="soak", daemon=True)
        ticker.start()
        try:
            self._site.begin()
            while time.monotonic() - self._began < hours * 3_600:
                self._round()
            self._site.load.finish()
            self._site.crew.stop()
        finally:
            self._end.set()
            ticker.join()
        self._tell(self._now())
        return self._verdict

    def _round(self) -> None:
        site = self._site
        until = time.monotonic() + _ROUND_S
        while time.monotonic() < until:
            fault = site.chance.choice(FAULTS_AT_RANDOM)
            self._doing = fault.__name__
            fault(site)
            site.brokers.heal()
            site.stores.heal()
        self._doing = "settle"
        with site.load.quiet():
            site.settle()
            self._verdict += site.verdict()

    def _tick(self) -> None:
        while not self._end.wait(_TELL_EVERY_S):
            self._tell(self._now())

    def _now(self) -> Minute:
        site = self._site
        redis_bytes = 0
        # It may be what a fault is done to.
        with suppress(redis.RedisError):
            redis_bytes = store.one(site).used_bytes()
        return Minute(
            time.monotonic() - self._began,
            site.load.acknowledged,
            self._verdict,
            site.faults,
            site.crew.resident_bytes(),
            redis_bytes,
            self._doing,
        )


def show(minute: Minute) -> None:
    """Print a minute."""
    verdict = minute.verdict
    word = "[green]right[/green]" if verdict.is_right else "[red]WRONG[/red]"
    figures = " ".join(f"{name} {getattr(verdict, name)}" for name in FAULTS)
    report.CONSOLE.print(
        f"{minute.seconds / 60:5.1f} min {word} events {minute.events} faults {minute.faults}"
        f" {figures} worker {minute.worker_bytes >> 20} MB"
        f" redis {minute.redis_bytes / (1 << 20):.1f} MB  now {minute.doing}"
    )
    for text in verdict.examples:
        report.CONSOLE.print(f"      {text}", markup=False)


def table(minutes: Sequence[Minute], client: Client) -> None:
    """Print every tenth minute, and the last one."""
    shown = Table(title=f"soak on {client}")
    for name in ("min", "events", "faults", *FAULTS, "worker MB", "Redis MB"):
        shown.add_column(name, justify="right")
    for minute in [*minutes[9:-1:10], minutes[-1]]:
        shown.add_row(
            f"{minute.seconds / 60:.0f}",
            str(minute.events),
            str(minute.faults),
            *(str(getattr(minute.verdict, name)) for name in FAULTS),
            str(minute.worker_bytes >> 20),
            f"{minute.redis_bytes / (1 << 20):.1f}",
        )
    report.wide(shown)


def as_json(minute: Minute, client: Client, seed: int) -> dict[str, Any]:
    """The last minute, which is the sum of all."""
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
