"""What the templates must know of visits that are found by time: how two of them become one."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from profiler.rules.midnight import YEARS, clock_of
from profiler.rules.model import Rules
from profiler.rules.packed_state import blocks_of, find_twins, start_first, visit_columns
from profiler.rules.rendered_rule import RenderedRule
from profiler.rules.rendered_trigger import Kept, RenderedTrigger
from profiler.rules.rule import Rule

#: What a visit begins with: size, id, latest event, number, start.
_SPAN = ">I4I2c0i7I4i7"


def gap_visits(
    rules: Rules,
    render: Callable[[Rule], RenderedRule],
    triggers: Callable[[], list[RenderedTrigger]],
) -> dict[str, Any]:
    """The names of the templates.

    Args:
        rules: all of them.
        render: makes a rule anew, whose places are then others.
        triggers: likewise makes all triggers.
    """
    midnight = rules.visit.midnight if rules.visit else None
    start = rules.visit_start
    if not rules.gap_ms or start is None:
        return {"gap": 0, "midnight": None}
    kept, other = (_in_table(table, rules, render, triggers()) for table in ("kept", "other"))
    blocks = blocks_of("VISIT", visit_columns(other), whole=False)
    return {
        "gap": rules.gap_ms,
        "midnight": midnight,
        "clock": clock_of(midnight) if midnight else None,
        "first_year": YEARS[0],
        "span": _SPAN,
        "start_name": start.name,
        "start_kept": kept[0].place(),
        "read_other": [
            block._replace(names=[_in_hand("other", name) for name in block.names])
            for block in blocks
        ],
        "write_kept": [
            block._replace(arguments=[_argument(name) for name in block.arguments])
            for block in blocks_of("VISIT", visit_columns(kept), whole=False)
        ],
        "kept_texts": [
            _in_hand("kept", column.name) for column in visit_columns(kept) if column.is_text
        ],
        "kept_twins": [rule for rule in kept if rule.twin],
        "other_twins": [rule for rule in other if rule.twin],
        "merges": [
            (mine.name, _merge(mine, theirs)) for mine, theirs in zip(kept, other, strict=True)
        ],
    }


def _merge(mine: Kept, theirs: Kept) -> str:
    """The statements that join two values."""
    if isinstance(theirs, RenderedRule):
        return mine.say("merge", _value_of(theirs)) if isinstance(mine, RenderedRule) else ""
    return theirs.joined_with(mine.place())


def _in_table(
    table: str,
    rules: Rules,
    render: Callable[[Rule], RenderedRule],
    triggers: Sequence[RenderedTrigger],
) -> list[Kept]:
    """The visit's rules whose places are in a table, in packed order."""
    marks = [trigger for trigger in triggers if trigger.scope == "visit"]
    fields = [render(rule) for rule in rules.fields if rule.scope == "visit"]
    visit = start_first(rules, [*fields, *marks])
    places = ((rule, suffix) for rule in visit for suffix in rule.place_of)
    for number, (rule, suffix) in enumerate(places, 1):
        rule.place_of[suffix] = f"{table}[{number}]"
    find_twins([], visit)
    return visit


def _in_hand(table: str, name: str) -> str:
    """A column of the visit beside the rules' values, as a member of the table."""
    return "_" if name == "size" else name if "[" in name else f"{table}.{name}"


def _argument(word: str) -> str:
    if word == "size" or "[" in word:
        return word
    return f"#kept.{word[1:]}" if word.startswith("#") else f"kept.{word}"


def _value_of(rule: RenderedRule) -> SimpleNamespace:
    """A value as `merge` takes it; a time has no place but its own."""
    return SimpleNamespace(
        ms=rule.place("ms") or rule.place(),
        created=rule.place("created") or "NEVER",
        value=rule.place(),
        place=rule.place,
        corrects=False,
    )
