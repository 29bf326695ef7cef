"""The check of the collection names tests that not every process would have."""

from pathlib import Path

import pytest

from tools import check_collection
from tools.check_collection import MOST_NAMES, differences, main

CLOCK_AND_CHANCE = """
import gzip, random, pytest

@pytest.mark.parametrize("value", [gzip.compress(b"text")])
def test_clock(value):
    assert value

@pytest.mark.parametrize("value", [random.random()])
def test_chance(value):
    assert value

def test_neither():
    assert True
"""
HASHES = """
import pytest

@pytest.mark.parametrize("value", {"words", "whose", "order", "is", "by", "their", "hash"})
def test_order(value):
    assert value
"""
SAME = "def test_it():\n    assert True\n"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_collection, "DELAY_S", 0)


def test_what_differs_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test_some.py").write_text(CLOCK_AND_CHANCE)
    assert main([str(tmp_path)]) == 1
    lines = capfd.readouterr().out.splitlines()
    told = [line.partition("[")[0] for line in lines]
    assert told == [
        f"the {process} alone collects test_some.py::{test}"
        for process in ("first", "second")
        for test in ("test_clock", "test_chance")
    ]


@pytest.mark.usefixtures("at_once")
def test_another_order_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test_some.py").write_text(HASHES)
    assert main([str(tmp_path)]) == 1
    [line] = capfd.readouterr().out.splitlines()
    assert line.startswith("another order, from place ")


@pytest.mark.usefixtures("at_once")
def test_the_same_tests_pass(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test_some.py").write_text(SAME)
    assert main([str(tmp_path)]) == 0
    assert capfd.readouterr().out == "1 tests, the same ones in every process\n"


@pytest.mark.usefixtures("at_once")
def test_a_tree_without_tests_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="pytest cannot collect"):
        main([str(tmp_path)])


def test_of_very_many_names_some_are_told() -> None:
    found = list(differences([f"test::{n}" for n in range(99)], []))
    assert len(found) == MOST_NAMES + 1
    assert found[-1] == f"the first alone collects {99 - MOST_NAMES} more"
