"""The series of `bench.growth`: crowds, and the rules that they are measured with."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.populate import Crowd, Inputs, captured_inputs
from bench.traffic import read_templates
from profiler.rules.consistency import MAX_INPUTS
from profiler.rules.model import Rules, load_rules, parse_rules

#: Short, since a million such histories are written.
_VISITS, _EVENTS = 1, 2
_FIELDS = (1, 10, min(100, MAX_INPUTS))
#: Of the hot-key and the fields series.
_FEW_VISITORS = 10_000
_FLAT_TEXT = "a value of ordinary length"


class Series(NamedTuple):
    """One line of the table: a store of its own, and how to make a round's events.

    Attributes:
        name: what differs.
        crowd: put into the store beforehand, and again whenever its visitors are used up.
        hot: whether one visitor takes half of all events.
    """

    name: str
    crowd: Crowd
    rules: Rules
    inputs: Inputs
    hot: bool = False


def all_series(preset: str, sizes: Sequence[int], least: int) -> Iterator[Series]:
    """More and more visitors, a hot one, and more and more fields.

    Args:
        preset: rules of the series that are not about fields.
        sizes: numbers of visitors.
        least: no crowd is smaller.
    """
    rules = load_rules(preset)
    inputs = captured_inputs(rules, read_templates())
    for size in sizes:
        yield Series(
            f"{max(size, least):,} visitors",
            Crowd(max(size, least), _VISITS, _EVENTS),
            rules,
            inputs,
        )
    few = Crowd(_FEW_VISITORS, _VISITS, _EVENTS)
    yield Series("half of the events of one visitor", few, rules, inputs, hot=True)
    for number in _FIELDS:
        made = _rules_with(number)
        text = [dict.fromkeys(made.inputs, f"{_FLAT_TEXT} {n}") for n in range(7)]
        yield Series(f"{number} input fields", few, made, text)


def _rules_with(fields: int) -> Rules:
    """Rules that keep the last value of so many fields of the event, and little else."""
    head = (
        'name = "fields"\norder = "event_time"\n'
        '[identity]\nvisitor = "u"\nvisit = "s"\nevent_id = "i"\nevent_time = "t"\n'
        '[visit]\nbounce = "visit_events"\n'
        '[[fields]]\nname = "visit_events"\nscope = "visit"\noperation = "count"\n'
    )
    each = (
        f'[[fields]]\nname = "visitor_last_{n}"\nscope = "visitor"\noperation = "last"\n'
        f'value = "query-field_{n}"\n'
        for n in range(fields)
    )
    return parse_rules(head + "".join(each), "fields.toml")
