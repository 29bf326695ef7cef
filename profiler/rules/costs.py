"""What a rule costs: bytes of the state, and the server's time by a table that was measured."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from profiler.rules.model import CODE_BYTES, Rules
from profiler.rules.render import quote_lua, rendered_rule
from profiler.rules.rule import Rule
from profiler.rules.taken_input import Inputs

#: In the state's head, once for all visits: the kind of the value, and the rule's code.
_HEAD_BYTES = 1 + CODE_BYTES
_LENGTH_BYTES = 3


class Cost(NamedTuple):
    """What one more rule costs.

    Attributes:
        micros: the server's time, µs an event; None where the operation was not measured.
        bytes: of the state, without texts.
        times: how often a visitor has them: once, or for each visit that is kept.
        texts: of how many texts the length comes on top, each time.
    """

    micros: float | None
    bytes: int
    times: int
    texts: int


def cost_of(rule: Rule, rules: Rules) -> Cost:
    """The cost of one rule."""
    rendered = rendered_rule(rule, rules, Inputs(rules, 0, quote_lua))
    formats = rendered.formats
    texts = formats.count("text")
    numbers = sum(int(each.lstrip("iI")) for each in formats if each != "text")
    return Cost(
        _micros().get(f"{rule.declared.name}.{rule.kind}"),
        numbers + texts * _LENGTH_BYTES + _HEAD_BYTES,
        rules.limits.visits if rule.scope == "visit" else 1,
        texts,
    )


@cache
def _micros() -> dict[str, float]:
    text = files("profiler").joinpath("rules", "data", "micros.toml").read_text("utf-8")
    return {name: float(micros) for name, micros in tomllib.loads(text).items()}
