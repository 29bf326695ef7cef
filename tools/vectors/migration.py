"""State that version 0.1 stored (layout 1), and how it goes on.

`stored_by_0_1.json` was recorded once, from that version's scripts (commit 95859f9) on a real
server: what they had stored, what they answered to a read, and what they answered to the events
that came then. The script of today must answer the same, in today's form.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.oracles.shape import LEAN
from tools.vectors.answers import ARTICLE_FIELDS, FoldOracle
from tools.vectors.builders import Vector, vector
from tools.vectors.calls import Answer, Call, Event, Read, Text, key_of

RECORDED = Path(__file__).with_name("stored_by_0_1.json")

TEXTS = {each.name for each in LEAN.fields if each.is_text} | {"visitor_id", "visit_id"}
FLAGS = {"time_replaced": "time_corrected"}


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for case in json.loads(RECORDED.read_text("utf-8")):
        preset, visitor = case["preset"], case["visitor"]
        last = typed(case["last"], preset)
        calls: list[Call | Read] = [
            Read(known=typed(case["read"], preset)),
            *(call_of(step, preset) for step in case["then"]),
            Read(known=last),
        ]
        yield vector(
            preset,
            case["name"],
            f"State of version 0.1 goes on where it was: {case['made']}.",
            calls,
            visitor=visitor,
            before=[["HSET", key_of(visitor), *words_of(case["hash"])]],
            stored=last if preset == "article" else {},
        )
        yield vector(
            preset,
            f"{case['name']}-read-only",
            "A read of it writes nothing, so that version 0.1 can still read it.",
            [calls[0], calls[0]],
            visitor=visitor,
            before=[["HSET", key_of(visitor), *words_of(case["hash"])]],
            stored={name: value for name, value in case["hash"].items() if name != "~"},
            keeps_ttl=False,
        )


def words_of(stored: dict[str, str]) -> list[Text]:
    """The hash as HSET takes it; its packed field is hexadecimal."""
    words: list[Text] = []
    for name, value in stored.items():
        words += [name, bytes.fromhex(value) if name == "~" else value]
    return words


def call_of(step: dict[str, Any], preset: str) -> Call:
    """A call with the events that came then, and what was answered."""
    events = [
        Event(offset, received, created, "", event_id, visit_id, event_type, page)
        for offset, received, created, event_id, visit_id, event_type, page in step["events"]
    ]
    replies = [
        {
            "flags": [FLAGS.get(flag, flag) for flag in told["flags"]],
            "profile": whole(typed(told["profile"], preset), preset),
        }
        for told in step["reply"]
    ]
    return Call(events, stream=step["stream"], reply=replies)


def typed(told: dict[str, str], preset: str) -> Answer:
    """What version 0.1 answered as text, in the contract's types."""
    if preset == "article":
        return dict(told)
    answer: Answer = {name: value if name in TEXTS else int(value) for name, value in told.items()}
    if "visit_bounce" in answer:
        answer["visit_bounce"] = told["visit_bounce"] == "1"
    return answer


def whole(known: Answer, preset: str) -> Answer:
    """An answer with all names, in the contract's order."""
    names = ARTICLE_FIELDS if preset == "article" else FoldOracle(LEAN).names()
    return {name: known.get(name) for name in names}
