"""Runs rows: makes the scene, does the fault, lets everything end, and judges."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.chaos.brokers import OneBroker, ThreeBrokers
from tests.chaos.site import Site
from tests.chaos.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.chaos.brokers import Brokers
    from tests.chaos.rows import Row
    from tests.chaos.scene import Client


@dataclass
class Result:
    """What a row came to.

    Attributes:
        row: its name.
        client: of the workers.
        seed: of everything that was drawn.
        verdict: of the oracle; empty where the row did not come to its end.
        faults: how many were injected.
        seconds: how long it took.
        failure: why it did not come to its end.
        without: protections that were switched off.
    """

    row: str
    client: Client
    seed: int
    verdict: Verdict
    faults: int = 0
    seconds: float = 0.0
    failure: str = ""
    without: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether it came to its end, and nothing was wrong."""
        return not self.failure and self.verdict.is_right


class Runner:
    """Runs rows one after the other; the clusters that they need are started once.

    Args:
        logs: where the workers' logs of a row that is wrong are kept; None: nowhere.
    """

    def __init__(self, logs: Path | None = None) -> None:
        self._logs = logs
        self._stack = ExitStack()
        self._clusters: dict[str, Brokers] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(
        self,
        name: str,
        row: Row,
        *,
        client: Client,
        seed: int,
        without: Sequence[str] = (),
        scale: float = 1.0,
    ) -> Result:
        """Run one row.

        Args:
            name: the row's.
            row: what is done.
            client: of the workers.
            seed: of everything that is drawn.
            without: protections to switch off.
            scale: how often the fault is done, against the row's own number.
        """
        result = Result(name, client, seed, Verdict(), without=tuple(without))
        began = time.monotonic()
        brokers = self.cluster(row.scene.brokers)
        site = Site(row.scene, brokers, client=client, seed=seed, without=without, scale=scale)
        with site:
            try:
                site.begin()
                row.fault(site)
                missing = round(row.events * min(1.0, scale)) - site.load.acknowledged
                if missing > 0:
                    site.load.wait_for(missing)
                brokers.heal()
                site.load.finish()
                site.settle()
                site.crew.stop()
                result.verdict = site.verdict()
            except Exception as error:  # noqa: BLE001 - the rows behind it run all the same
                result.failure = f"{type(error).__name__}: {error}"
            result.faults = site.faults
            if not result.is_right:
                self.keep_logs(site, "-".join([name, client, *without]))
        result.seconds = time.monotonic() - began
        return result

    def keep_logs(self, site: Site, name: str) -> None:
        """Keep the workers' logs of a site under this name."""
        if self._logs is not None:
            kept = self._logs / name
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(site.directory, kept)

    def cluster(self, which: str) -> Brokers:
        """A cluster of one or three brokers; started when it is first asked for."""
        if which not in self._clusters:
            brokers = OneBroker() if which == "one" else ThreeBrokers()
            self._clusters[which] = self._stack.enter_context(brokers)
        return self._clusters[which]
