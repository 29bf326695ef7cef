"""The rows of the fault matrix by name: a scene, and what is done in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.faults import workers
from tests.chaos.site import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.site import Site


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        fault: what is done while events flow; its docstring says it in words.
        scene: what it is done to.
        events: how many inputs there are at least.
    """

    fault: Callable[[Site], None]
    scene: Scene = field(default_factory=Scene)
    events: int = 1_000

    @property
    def what(self) -> str:
        """The fault in words."""
        return (self.fault.__doc__ or "").split("\n", maxsplit=1)[0]


PAIR = Scene(workers=2)

ROWS: dict[str, Row] = {
    "kill-9": Row(workers.kill_at_random),
    "kill-failpoints": Row(workers.kill_at_failpoints),
    "zombie": Row(workers.zombie, PAIR),
    "zombie-late-redis": Row(workers.late_zombie, PAIR),
    "max-poll-interval": Row(
        workers.too_long_between_polls,
        Scene(workers=2, settings={"KAFKA__MAX_POLL_INTERVAL_MS": "2000"}),
    ),
    "rolling": Row(workers.come_and_go),
    "other-batches": Row(workers.other_batches),
    "one-name-twice": Row(workers.two_of_one_name),
    "failing-calls": Row(workers.failing_calls),
}
