"""Renders a rules file into the Lua script, once per rules version; events never come here."""

import hashlib
import re
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from profiler.rules.condition import Condition, units
from profiler.rules.contract import (
    EVENT_ARGS,
    LAYOUT,
    MAX_EVENTS,
    MOST_OUTPUTS,
    OUTPUTS_MS,
    contract_of,
)
from profiler.rules.gap_visits import gap_visits
from profiler.rules.model import PRESETS, Rules, load_rules
from profiler.rules.packed_state import packed_state
from profiler.rules.pattern import pieces_of
from profiler.rules.rendered_condition import expression_of, text_asked
from profiler.rules.rendered_rule import RenderedRule, plain_name
from profiler.rules.rendered_trigger import RenderedTrigger
from profiler.rules.rule import Rule
from profiler.rules.taken_input import Inputs
from profiler.rules.value import EVENT_DAY

_LUA = files("profiler") / "_lua"

#: Columns of a line of Lua, as `stylua.toml` has them.
_WIDTH = 140

#: Bytes that may stand in a Lua string literal as they are; all others leave as decimal escapes.
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/~> ")

#: What stands in the header behind a field's name, by its type.
_MARKS = {"integer": "#", "boolean": "#", "list": "[]", "counts": "{}"}

#: What a function's name begins with; the digest of the script makes it whole.
_FUNCTION = "visitor_profile_"

#: In the script's place for its own digest, while the digest is not known yet.
_DIGEST = "0" * 12

#: The same where no function is named: a byte that `quote_lua` lets through nowhere.
_OWN_DIGEST = "@" * len(_DIGEST)

#: Where a rendering names its function; no text of a rule has a bare quotation mark.
_FUNCTION_NAME = re.compile(rf'(?<=register_function\("){_FUNCTION}[0-9a-f]{{{len(_DIGEST)}}}(?=")')


def quote_lua(text: str | bytes) -> str:
    r"""A Lua string literal of bytes, or of a text's UTF-8; what may do harm is ``\ddd``."""
    raw = text.encode() if isinstance(text, str) else text
    return '"' + "".join(chr(b) if b in _PLAIN else f"\\{b:03d}" for b in raw) + '"'


def _expression(tests: Iterable[Condition], names: dict[str, str]) -> str:
    """A predicate; `names` has the locals of the event's fields."""

    def of_field(test: Condition) -> str:
        name = names[test.field or ""]
        if not test.compares_numbers:
            return text_asked(test, name, quote_lua)
        return " and ".join(f"comparable({name}) {sign} {units(n)}" for sign, n in test.bounds)

    return " and ".join(expression_of(each, of_field, quote_lua) for each in tests)


def _read(name: str) -> tuple[str, str | None, Callable[[], bool]]:
    """A template's text, its file name, and whether it is still the one to take."""
    # Read through importlib.resources, so that wheel and source tree are one path.
    folder = _LUA
    return folder.joinpath(name).read_text("utf-8"), None, lambda: folder is _LUA


@cache
def templates() -> Environment:
    """The templates, each compiled once: that takes ten times as long as to fill one in."""
    environment = Environment(
        loader=FunctionLoader(_read),
        # Jinja's own delimiters are ordinary Lua ("{{1, 2}}"); these are Lua comments.
        variable_start_string="--[[=",
        variable_end_string="]]",
        block_start_string="--[[%",
        block_end_string="%]]",
        comment_start_string="--[[#",
        comment_end_string="#]]",
        line_statement_prefix="--%",
        line_comment_prefix="--#",
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Lua, not HTML: `quote_lua` is the escape
    )
    environment.filters["lua"] = quote_lua
    environment.filters["plain"] = plain_name
    environment.filters["length_of"] = lambda name: f"#{name}"
    environment.filters["with_length"] = lambda name: f"#{name}, {name}"
    environment.filters["lines"] = lambda words, indent=2: textwrap.fill(
        ", ".join(words), _WIDTH - 20, subsequent_indent=" " * indent, break_long_words=False
    )
    environment.filters["pad"] = lambda text, width: (
        f"{text:<{width}}" + ("  " * (len(text) > width - 2))
    )
    environment.filters["wrap"] = lambda words, indent: textwrap.fill(
        " ".join(words), 98, initial_indent=" " * indent, subsequent_indent=" " * indent
    ).strip()
    return environment


def render(rules: Rules, *, reads_all: bool = False) -> str:
    """The script of these rules: deterministic, ASCII, formatted as stylua formats it.

    With `reads_all` its reads answer an array of values for each kept visit, as an event does. No
    caller but `profiler export` has such a script, so no other caller pays for it.
    """
    contract = contract_of(rules)
    inputs = Inputs(rules, len(EVENT_ARGS), quote_lua)
    names = {each.field: each.name for each in inputs.fields}
    rendered = [rendered_rule(rule, rules, inputs) for rule in rules.fields]

    def rendered_triggers() -> list[RenderedTrigger]:
        return [
            RenderedTrigger(each, rules.code_of(each), contract.fields, quote_lua)
            for each in rules.triggers or ()
        ]

    triggers = rendered_triggers()
    remembers_visits = rules.order == "event_time"
    context: dict[str, Any] = {
        **contract._asdict(),
        "layout": LAYOUT,
        "limits": rules.limits.model_dump(),
        "max_events": MAX_EVENTS,
        "inputs": inputs.fields,
        "chosen": inputs.chosen,
        "predicates": [(name, _expression(t, names)) for name, t in rules.predicates.items()],
        "numbers": sorted({rule.number_read for rule in rendered if rule.kind == "number"}),
        "remembers_visits": remembers_visits,
        "forgets_dropped": bool(rules.store.forget_dropped),
        "takes_event_time": rules.takes_event_time,
        "takes_texts": any(rule.is_text for rule in rendered),
        "functions": [*_functions(rules), *["triggers"] * bool(triggers)],
        "triggers": triggers,
        "asks_for_texts": any("has_text(" in trigger.holds for trigger in triggers),
        "reads_all": reads_all and remembers_visits,
        "asks_now": any(rule.asks_now for rule in rules.fields),
        "answers_arrays": any(field.type in {"list", "counts"} for field in contract.fields),
        "takes_numbers": rules.takes_numbers or rules.compares_numbers,
        "compares_numbers": rules.compares_numbers
        or any("comparable(" in trigger.holds for trigger in triggers),
        "plain": rules.plain or not remembers_visits,
        "field_names": [field.name for field in contract.fields],
        "marked_names": [field.name + _MARKS.get(field.type, "") for field in contract.fields],
        "function_name": _FUNCTION + _DIGEST,
        "digest": _OWN_DIGEST,
        "outputs_ms": OUTPUTS_MS,
        "most_outputs": MOST_OUTPUTS,
        "own": "" if rules.gap_ms else "local ",
        **gap_visits(rules, lambda rule: rendered_rule(rule, rules, inputs), rendered_triggers),
        **packed_state(rules, rendered, triggers),
    }
    text = templates().get_template("profile.lua.j2").render(context)
    # Jinja's line statements eat the blank lines after them: one goes behind every top-level end.
    text = re.sub(r"^(end|\}|\]\])\n(?=\S)", r"\1\n\n", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()[: len(_DIGEST)]
    return _FUNCTION_NAME.sub(_FUNCTION + digest, text).replace(_OWN_DIGEST, digest)


def _functions(rules: Rules) -> list[str]:
    """The parts whose functions are called."""
    used = [name for rule in rules.fields for name in rule.declared.functions]
    used += ["days"] * any(rule.value == EVENT_DAY for rule in rules.fields)
    used += ["patterns"] * any(len(pieces_of(pattern)) > 1 for pattern in rules.patterns)
    return [*dict.fromkeys(used)]


def rendered_rule(rule: Rule, rules: Rules, inputs: Inputs) -> RenderedRule:
    """A rule with the macros of its operation."""
    macros = templates().get_template(rule.declared.file).module
    return RenderedRule(rule, rules, inputs, macros)


def sha_of(script: str) -> str:
    """The name under which Redis keeps the script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def function_of(script: str) -> str:
    """The name of the function, and of its library, that a rendered script registers."""
    (name,) = _FUNCTION_NAME.findall(script)
    return str(name)


def library_of(script: str) -> str:
    """The text that FUNCTION LOAD takes: the same body as a library of one function."""
    return f"#!lua name={function_of(script)}\n{script}"


def rendered_presets() -> dict[str, str]:
    """File name in ``lua/rendered`` to the text that belongs there."""
    return {f"{preset}.lua": render(load_rules(preset)) for preset in PRESETS}
