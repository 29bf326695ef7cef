"""A seeded part of the fault matrix, small enough for every run of the tests.

All rows, more faults and both clients: `make chaos`, which the nightly run does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.proof import CASES
from tests.chaos.rows import ROWS
from tests.chaos.runner import Runner
from tests.chaos.scene import CLIENTS
from tests.chaos.verdict import FAULTS
from tests.missing import needed_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.scene import Client

SEED = 7
SCALE = 0.3
#: How often a fault that is up to chance is tried.
TRIES = 6
SEEDED: tuple[tuple[str, Client], ...] = (
    ("kill-9", "kafka-python"),
    ("zombie-late-redis", "librdkafka"),
    ("redis-swallow", "kafka-python"),
    ("failing-calls", "librdkafka"),
    ("redis-aof-cut", "librdkafka"),
)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with needed_servers(), Runner() as running:
        running.cluster("one")
        yield running


@pytest.mark.parametrize(("name", "client"), SEEDED)
def test_each_input_has_one_right_output(name: str, client: Client, runner: Runner) -> None:
    result = runner.run(name, ROWS[name], client=client, seed=SEED, scale=SCALE)
    assert result.failure == ""
    assert {figure: getattr(result.verdict, figure) for figure in FAULTS} == dict.fromkeys(
        FAULTS, 0
    ), result.verdict.examples
    assert result.verdict.inputs >= 300
    assert result.verdict.persisted + result.verdict.rejected == result.verdict.inputs


def test_without_the_watermark_the_oracle_finds_wrong_counts(runner: Runner) -> None:
    case = CASES[0]
    found = 0
    for seed in range(SEED, SEED + TRIES):  # a kill must come between Redis and the commit
        result = runner.run(
            case.row,
            ROWS[case.row],
            client="librdkafka",
            seed=seed,
            scale=SCALE,
            without=case.without,
        )
        if found := getattr(result.verdict, case.finds):
            break
    assert found > 0


def test_the_matrix_is_whole() -> None:
    assert len(ROWS) >= 30
    assert all(row.what for row in ROWS.values())
    on_one = [name for name, row in ROWS.items() if row.clients != CLIENTS]
    assert on_one == ["rolling-cooperative"]
    assert {case.row for case in CASES} <= ROWS.keys()
