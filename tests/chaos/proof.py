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
        without: the protection's name.
        finds: a figure that must not be 0.
    """

    row: str
    without: str
    finds: str


CASES = (
    Case("kill-9", "watermark", "miscounted"),
    Case("redis-swallow", "watermark", "miscounted"),
    Case("kill-9", "commit-last", "lost"),
    Case("zombie", "commit-last", "lost"),
    Case("failing-calls", "rewind", "lost"),
    Case("kafka-rights", "failed-sends", "lost"),
    Case("topic-recreated", "topic-id", "mismatched"),
)


def prove(runner: Runner, *, client: Client, seed: int, scale: float) -> Iterator[Result]:
    """Run every case; a result is right where the oracle found nothing, which is a fault here."""
    for case in CASES:
        report.begun(case.row, f"without {case.without} it must be wrong", client)
        yield runner.run(
            case.row,
            ROWS[case.row],
            client=client,
            seed=seed,
            without=[case.without],
            scale=scale,
        )


def has_found(result: Result) -> bool:
    """Whether the oracle found what the protection keeps away."""
    (case,) = (c for c in CASES if (c.row, (c.without,)) == (result.row, result.without))
    return bool(getattr(result.verdict, case.finds))
