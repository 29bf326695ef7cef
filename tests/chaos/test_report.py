"""The command line, the file that it writes, and the traffic that a seed gives."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from tests.chaos import report
from tests.chaos.__main__ import main
from tests.chaos.rows import ROWS
from tests.chaos.runner import Result
from tests.chaos.traffic import Traffic
from tests.chaos.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path


def test_a_row_of_the_file_has_the_figures_of_the_promise(tmp_path: Path) -> None:
    verdict = Verdict(inputs=9, persisted=7, rejected=1, lost=1, examples=["lost: one"])
    result = Result("kill-9", "librdkafka", 7, verdict, faults=3, seconds=1.26)
    path = tmp_path / "build" / "chaos.json"
    report.write([report.as_json(result)], path)
    (row,) = json.loads(path.read_text())["rows"]
    assert row == {
        "row": "kill-9",
        "client": "librdkafka",
        "seed": 7,
        "inputs": 9,
        "persisted": 7,
        "rejected": 1,
        "lost": 1,
        "duplicated": 0,
        "mismatched": 0,
        "miscounted": 0,
        "rewound": 0,
        "replayed": 0,
        "faults": 3,
        "seconds": 1.3,
    }
    assert not result.is_right


def test_a_row_that_did_not_come_to_its_end_is_not_right() -> None:
    result = Result("kill-9", "librdkafka", 7, Verdict(), failure="StuckError: why")
    assert not result.is_right
    assert report.as_json(result)["failure"] == "StuckError: why"


def test_the_rows_are_listed_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(ROWS)


@pytest.mark.parametrize("wrong", ["--rows=no-such-row", "--without=nothing"])
def test_what_is_not_there_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([wrong]) == 2
    assert "no such row or protection" in capsys.readouterr().err


def test_a_seed_gives_the_same_traffic_again() -> None:
    first, again = (list(islice(Traffic(3), 500)) for _ in range(2))
    assert first == again != list(islice(Traffic(4), 500))
    assert (
        {event.is_bad for event in first} == {event.is_spread for event in first} == {True, False}
    )
