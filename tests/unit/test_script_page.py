"""docs/script.md quotes the rendering of `standard` in its order, and leaves no part of it out."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profiler.rules.model import load_rules
from tests.oracles.events import EVENT_TIME, SENT, read_event

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "script.md").read_text("utf-8")
SCRIPT = (ROOT / "lua" / "rendered" / "lean.lua").read_text("utf-8").splitlines()
QUOTED = "".join(re.findall(r"^```lua\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)).splitlines()


def out_of_place(quoted: Sequence[str], script: Sequence[str]) -> list[str]:
    """The quoted lines that do not stand in the script behind the quoted line before them."""
    wrong, at = [], 0
    for line in quoted:
        if line in script[at:]:
            at = script.index(line, at) + 1
        else:
            wrong.append(line)
    return wrong


def parts(script: Sequence[str]) -> list[str]:
    """The lines that a reader needs explained: each function, and the first line of each comment.

    Functions inside functions of `seldom` belong to these, and a comment above a rule to the rule.
    """
    fields = {rule.name for rule in load_rules("lean").fields}
    found = []
    for before, line in zip(["", *script], script, strict=False):
        words = line.strip().removeprefix("-- ")
        is_function = re.match(r"(  )?(local )?function ", line)
        is_comment = re.match(r" *-- ", line) and not re.match(r" *-- ", before)
        is_said_elsewhere = words.startswith("stylua:") or words.partition(":")[0] in fields
        if is_function or (is_comment and not is_said_elsewhere):
            found.append(line)
    return found


def test_what_is_quoted_stands_in_the_rendering_in_this_order() -> None:
    assert len(QUOTED) > 60
    assert out_of_place(QUOTED, SCRIPT) == []


def test_every_function_and_every_comment_is_explained() -> None:
    there = parts(SCRIPT)
    assert len(there) > 40
    assert [line for line in there if line not in QUOTED] == []


def test_lines_that_are_wrong_or_left_out_are_found() -> None:
    script = ["local function one()", "  -- Why.", "  -- More.", "-- visit_start: first", "end"]
    assert parts(script) == script[:2]
    assert out_of_place(["  -- More.", "  -- Why."], script) == ["  -- Why."]
    assert out_of_place(["end", "gone"], script) == ["gone"]


def _ms(text: str) -> int:
    moment = datetime.strptime(f"2026 {text}", "%Y %d %B %H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000


CASES = re.findall(
    r"^\| ([^|]*?) *\| ([^|]*?) *\| (\d+ \w+ [\d:]+) \| (yes|no) \|", PAGE, re.MULTILINE
)


@pytest.mark.parametrize(("created", "sent", "time", "is_corrected"), CASES)
def test_a_row_of_event_time_is_right(
    created: str, sent: str, time: str, is_corrected: str
) -> None:
    """The oracle is held to the script by tests of its own."""
    given = {EVENT_TIME: created, SENT: sent}
    fields = {name: str(_ms(at)) if ":" in at else at for name, at in given.items() if at}
    event = read_event(fields, _ms("10 May 12:00:00"))
    assert event.time == _ms(time)
    assert event.is_time_corrected is (is_corrected == "yes")


def test_the_table_of_event_time_was_read() -> None:
    assert len(CASES) == 10
