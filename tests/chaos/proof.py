"""The oracle is proven: rows without the protection that they are for, which it must find wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.chaos import report
from tests.chaos.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.runner import Result, Runner
    from tests.chaos.scene import Client


class Case(NamedTuple):
    """A row without a protection.

    Attributes:
        row: its name.
        without: names of protections. A second one is off where it would stand in for the first.
        finds: a figure that must not be 0.
    """

    row: str
    without: tuple[str, ...]
    finds: str


#: With which a case is tried.
MOST_SEEDS = 3

CASES = (
    Case("kill-9", ("watermark",), "miscounted"),
    Case("kill-9", ("transactions",), "mismatched"),
    Case("kill-9", ("commit-last",), "lost"),
    Case("kill-9", ("stored-outputs",), "mismatched"),
    Case("redis-out-of-memory", ("stored-outputs",), "mismatched"),
    Case("failing-calls", ("read-committed",), "duplicated"),
    Case("zombie-late-commit", ("fencing",), "duplicated"),
    Case("zombie", ("transactions",), "duplicated"),
    Case("rolling", ("commit-last",), "lost"),
    Case("failing-calls", ("rewind",), "lost"),
    Case("kafka-rights", ("failed-sends", "transactions"), "lost"),
    Case("leader-kill", ("transactions",), "duplicated"),
    Case("redis-swallow", ("watermark",), "miscounted"),
    Case("redis-aof-cut", ("marks",), "miscounted"),
    Case("redis-promotion", ("marks",), "miscounted"),
    Case("topic-recreated", ("topic-id",), "mismatched"),
)


def prove(runner: Runner, *, client: Client, seed: int, scale: float) -> Iterator[Result]:
    """Run every case; a fault need not meet a worker at the wrong moment, so with some seeds.

    Yields:
        Of each case the first result that the oracle found wrong, or else the last one.
    """
    for case in CASES:
        report.begun(case.row, f"without {' and '.join(case.without)} it must be wrong", client)
        for attempt in range(MOST_SEEDS):
            result = runner.run(
                case.row,
                ROWS[case.row],
                client=client,
                seed=seed + attempt,
                without=case.without,
                scale=scale,
            )
            if has_found(result):
                break
        yield result


def has_found(result: Result) -> bool:
    """Whether the oracle found what the protection keeps away."""
    (case,) = (c for c in CASES if (c.row, c.without) == (result.row, result.without))
    return bool(getattr(result.verdict, case.finds))
