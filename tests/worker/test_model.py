"""The model of the worker: right in every run, and no protection is there for nothing."""

import pytest

from tests.worker.model.__main__ import table
from tests.worker.model.protections import ALL, LEFT_OUT
from tests.worker.model.runs import Run

#: Some of the runs that a row of the table has, which is made by hand.
RUNS = 1_500
ENOUGH = 1_000
#: What goes wrong first of all.
BROKEN = {
    "outputs are not stored": "first",
    "no first mark": "goes_on",
}


def test_all_is_right_in_every_run() -> None:
    wrong = [seed for seed in range(RUNS) if not Run(seed).go().is_right]
    assert wrong == []


def test_the_runs_have_what_they_are_about() -> None:
    found = [Run(seed).go() for seed in range(200)]
    losing = sum(each.loses for each in found)
    assert 50 < losing < 180


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_missed(name: str) -> None:
    broken = BROKEN.get(name, "profiles")
    assert any(not getattr(Run(seed, LEFT_OUT[name]).go(), broken) for seed in range(ENOUGH))


def test_the_table_has_a_row_for_each() -> None:
    lines = list(table(2, {"all": ALL} | LEFT_OUT))
    assert lines[2] == "| all | 100.0 % | 100.0 % | 100.0 % | 100.0 % |"
    assert [line.split(" | ")[0][2:] for line in lines[3:]] == list(LEFT_OUT)
