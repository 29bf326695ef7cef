"""Rendering: the same rules give the same text, and nothing in the rules can leave its quotes."""

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from profiler.rules import render as render_module
from profiler.rules.model import PRESETS, Rules, load_rules
from profiler.rules.render import quote_lua, render, rendered_presets, sha_of

RENDERED = Path(__file__).parent.parent.parent / "lua" / "rendered"

#: What would end a string, a comment or a template's tag, were it not escaped.
HOSTILE = [
    '"',
    "'",
    "\\",
    "]]",
    "\n",
    "\r",
    "\0",
    "--[[=",
    "--%",
    "--[[%",
    "%]]",
    "{{",
    "\u00e9",
    "%",
]


def rules_about(text: str) -> Rules:
    """Rules that say `text` wherever a rules file takes free text."""
    return Rules.model_validate(
        {
            "name": "hostile",
            "order": "event_time",
            "identity": {"visitor": text, "visit": text, "event_id": text},
            "predicates": {
                "is_it": [{"field": text, "equals": text}, {"field": "b" + text, "present": True}]
            },
            "visit": {"bounce": "visit_count"},
            "fields": [
                {
                    "name": "visitor_first",
                    "scope": "visitor",
                    "operation": "first",
                    "value": text,
                    "when": "is_it",
                },
                {"name": "visit_count", "scope": "visit", "operation": "count", "when": "is_it"},
            ],
        }
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_rendering_is_deterministic_and_ascii(preset: str) -> None:
    first, second = render(load_rules(preset)), render(load_rules(preset))

    assert first == second
    assert first.isascii()


@pytest.mark.parametrize("preset", PRESETS)
def test_committed_files_are_what_the_rules_render_to(preset: str) -> None:
    assert (RENDERED / f"{preset}.lua").read_text("utf-8") == rendered_presets()[f"{preset}.lua"]
    assert {path.name for path in RENDERED.iterdir()} == set(rendered_presets())


def test_every_version_has_a_sha_and_a_function_of_its_own() -> None:
    texts = list(rendered_presets().values())
    functions = {re.findall(r"visitor_profile_[0-9a-f]{12}", text)[0] for text in texts}

    assert len({sha_of(text) for text in texts}) == len(functions) == len(texts)


def test_an_undefined_name_in_a_template_fails_the_rendering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = shutil.copytree(RENDERED.parent, tmp_path / "lua")
    (templates / "profile.lua.j2").write_text("local ttl = --[[= ttl_msec ]]\n")
    monkeypatch.setattr(render_module, "_LUA", templates)

    with pytest.raises(UndefinedError, match="ttl_msec"):
        render(load_rules("lean"))


@given(st.text())
def test_a_quoted_text_stays_within_its_quotes(text: str) -> None:
    quoted = quote_lua(text)

    assert re.fullmatch(r'"(?:[A-Za-z0-9_.:/~> -]|\\\d{3})*"', quoted)


def test_a_digit_behind_an_escape_is_not_taken_into_it() -> None:
    """Lua reads up to three digits, so fewer would swallow the next character."""
    assert quote_lua("\n1") == '"\\0101"'


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_reaches_no_line_of_the_script_unescaped(text: str) -> None:
    """Every line but those that name the text is the same as with a harmless one."""
    harmless = render(rules_about("x")).splitlines()
    hostile = render(rules_about(f"x{text}y")).splitlines()

    assert len(hostile) == len(harmless)
    for line, harmless_line in zip(hostile, harmless, strict=True):
        assert line.isascii()
        assert line.count("--[[") == harmless_line.count("--[[")
        assert line.count("]]") == harmless_line.count("]]")


@pytest.mark.parametrize("field", ["404_page", "", "end", "\u00fc", "Page Title", "a" * 255])
def test_any_name_of_a_field_gives_a_local_that_lua_takes(field: str) -> None:
    text = render(rules_about(field or "-"))

    locals_ = re.findall(r"local (event_\S+) = args\[event \+ ", text)
    assert len(locals_) == 2
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", local) for local in locals_)
