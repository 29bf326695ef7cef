"""The page that follows a record names modules, classes and functions that exist."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
NAMES = sorted(set(re.findall(r"`(profiler(?:\.\w+)+)`", PAGE)))
ROOMS = re.findall(r"^\| `profiler/(\w+)` \|", PAGE, re.MULTILINE)


def look_up(name: str) -> object:
    """Find what a dotted name means: a module, or something inside one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_on_the_page_exists(name: str) -> None:
    assert look_up(name) is not None


def test_the_page_follows_a_record_through_every_stage() -> None:
    stages = {"loop", "decode", "apply", "produce", "commit", "in_flight", "delivery"}
    named = {name.split(".")[2] for name in NAMES if name.startswith("profiler.worker.")}
    assert stages <= named


def test_every_room_is_on_the_page_and_no_other() -> None:
    there = {path.parent.name for path in (ROOT / "profiler").glob("*/__init__.py")}
    assert sorted(ROOMS) == sorted(there)
