"""Renders a rules file into the Lua script, once per rules version; events never come here."""

import hashlib
import re
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined

from profiler.rules.contract import EVENT_ARGS, LAYOUT, MAX_EVENTS, STATE_FIELD, contract_of
from profiler.rules.model import CODE_BYTES, EVENT_TIME, PRESETS, Condition, Rule, Rules, load_rules

_LUA = files("profiler") / "_lua"

#: Bytes that may stand in a Lua string literal as they are; all others leave as decimal escapes.
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/~ ")

#: A visit's number and its identities stand before its values.
_VISIT_HEAD = 2

#: What a function's name begins with; the digest of the script makes it whole.
_FUNCTION = "visitor_profile_"

#: In the script's place for its own digest, while the digest is not known yet.
_DIGEST = "0" * 12

#: Where a rendering names its function; no text of a rule has a bare quotation mark.
_FUNCTION_NAME = re.compile(rf'(?<=register_function\("){_FUNCTION}[0-9a-f]{{{len(_DIGEST)}}}(?=")')


def quote_lua(text: str | bytes) -> str:
    r"""A Lua string literal of bytes, or of a text's UTF-8; what may do harm is ``\ddd``."""
    raw = text.encode() if isinstance(text, str) else text
    return '"' + "".join(chr(b) if b in _PLAIN else f"\\{b:03d}" for b in raw) + '"'


class _Input(NamedTuple):
    """One input of the event: its Lua local, whether a rule keeps its value, and when.

    `place` is that among the event's arguments.
    """

    field: str
    name: str
    place: int
    is_value: bool
    taken_when: str


class _RenderedRule(NamedTuple):
    """A rule in the words of the templates."""

    name: str
    scope: str
    operation: str
    type: str
    #: Place among the values of its scope in packed state.
    column: int
    takes_time: bool
    input: str
    condition: str
    meaning: str


def _inputs(rules: Rules) -> list[_Input]:
    found = []
    for index, field in enumerate(rules.inputs):
        readable = re.sub(r"[^a-z0-9]+", "_", field.lower()).strip("_")[:40]
        takers = [rule.when for rule in rules.fields if rule.value == field]
        when = sorted({f"is_{name}" for name in takers if name})
        either = when[0] if len(when) == 1 else f"({' or '.join(when)})"
        taken_when = "" if None in takers or not takers else f" and {either}"
        # A field called "404" would begin with a digit, which no local may.
        name = f"{readable}_{index + 1}" if readable[:1].isalpha() else f"field_{index + 1}"
        place = len(EVENT_ARGS) + index + 1
        found.append(_Input(field, name, place, bool(takers), taken_when))
    return found


def _plain(text: str) -> str:
    """As a comment of the script may show it: no comment ends early, whatever a rule says."""
    return re.sub(r"[^a-zA-Z0-9_.-]", "?", text)


def _rule(rule: Rule, column: int, names: dict[str, str]) -> _RenderedRule:
    counted = f" {_plain(rule.value)}" if rule.value else " of not repeated events"
    return _RenderedRule(
        name=rule.name,
        scope=rule.scope,
        operation=rule.operation,
        type=rule.type,
        column=column,
        takes_time=rule.value == EVENT_TIME,
        input=names.get(rule.value or "", ""),
        condition=f" and is_{rule.when}" if rule.when else "",
        meaning=f"{rule.operation}{counted}" + (f" when {rule.when}" if rule.when else ""),
    )


def _columns(
    scope: str, declared: list[Rule], columns: dict[str, int], rules: Rules
) -> dict[str, Any]:
    """What the templates must know about the values of one scope in packed state."""
    return {
        f"{scope}_codes": b"".join(map(rules.code_of, declared)),
        f"{scope}_start": ["0" if rule.operation == "count" else "false" for rule in declared],
        f"{scope}_texts": [columns[rule.name] for rule in declared if rule.type == "string"],
    }


def _expression(tests: Iterable[Condition], names: dict[str, str]) -> str:
    parts = [
        f'{names[test.field]} ~= ""'
        if test.equals is None
        else f"{names[test.field]} == {quote_lua(test.equals)}"
        for test in tests
    ]
    return " and ".join(parts)


def _read(name: str) -> tuple[str, str | None, Callable[[], bool]]:
    """A template's text, its file name, and whether it is still the one to take."""
    # Read through importlib.resources, so that wheel and source tree are one path.
    folder = _LUA
    return folder.joinpath(name).read_text("utf-8"), None, lambda: folder is _LUA


@cache
def _environment() -> Environment:
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
    environment.filters["plain"] = _plain
    environment.filters["pad"] = lambda text, width: (
        f"{text:<{width}}" + ("  " * (len(text) > width - 2))
    )
    environment.filters["wrap"] = lambda words, indent: textwrap.fill(
        " ".join(words), 98, initial_indent=" " * indent, subsequent_indent=" " * indent
    ).strip()
    return environment


def render(rules: Rules) -> str:
    """The script of these rules: deterministic, ASCII, formatted as stylua formats it."""
    contract = contract_of(rules)
    inputs = _inputs(rules)
    names = {each.field: each.name for each in inputs}
    visitor = [rule for rule in rules.fields if rule.scope == "visitor"]
    visit = [rule for rule in rules.fields if rule.scope == "visit"]
    columns = {rule.name: at for at, rule in enumerate(visitor, 1)}
    columns |= {rule.name: at for at, rule in enumerate(visit, _VISIT_HEAD + 1)}
    rendered_rules = [_rule(rule, columns[rule.name], names) for rule in rules.fields]
    remembers_visits = rules.order == "event_time"
    context: dict[str, Any] = {
        **contract._asdict(),
        "rules": rendered_rules,
        "layout": LAYOUT,
        "limits": rules.limits.model_dump(),
        "max_events": MAX_EVENTS,
        "inputs": inputs,
        "predicates": [(name, _expression(t, names)) for name, t in rules.predicates.items()],
        "remembers_visits": remembers_visits,
        "takes_event_time": rules.takes_event_time,
        "visit_head": _VISIT_HEAD,
        "code_bytes": CODE_BYTES,
        **_columns("visitor", visitor, columns, rules),
        **_columns("visit", visit, columns, rules),
        "bounce": next(
            (r for r in rendered_rules if rules.visit and r.name == rules.visit.bounce), None
        ),
        "field_names": [field.name for field in contract.fields],
        "state_field": STATE_FIELD,
        "formats_numbers": remembers_visits
        or any(rule.operation == "count" or rule.takes_time for rule in rendered_rules),
        "cost": ["1 HGET", "1 EXISTS if new"] if remembers_visits else ["1 HGETALL"],
        "function_name": _FUNCTION + _DIGEST,
    }
    text = _environment().get_template("profile.lua.j2").render(context)
    # Jinja's line statements eat the blank lines after them: one goes behind every top-level end.
    text = re.sub(r"^(end|\}|\]\])\n(?=\S)", r"\1\n\n", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()[: len(_DIGEST)]
    return _FUNCTION_NAME.sub(_FUNCTION + digest, text)


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
